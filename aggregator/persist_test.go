package aggregator_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kagg-project/kagg/aggregator"
)

// persistent is an aggregator that can be stopped and started again on its folders.
type persistent struct {
	*rig
	cancel context.CancelFunc
}

func (p *persistent) start() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a, err := aggregator.Start(ctx, aggregator.Config{
		StateDir: p.stateDir, Filenames: []string{p.objects}, OnEvent: p.hear, Storage: aggregator.Storage{Persist: true},
	})
	if err != nil {
		cancel()
		p.t.Fatal(err)
	}
	p.aggregator, p.cancel = a, cancel
	p.connect()
}

func (p *persistent) stop() {
	p.cancel()
	p.aggregator.Wait()
}

func (p *persistent) configMaps() string {
	p.t.Helper()
	client, err := kubernetes.NewForConfig(p.admin)
	if err != nil {
		p.t.Fatal(err)
	}
	list, err := client.CoreV1().ConfigMaps("widgets").List(p.t.Context(), metav1.ListOptions{})
	if err != nil {
		p.t.Fatal(err)
	}
	var out []string
	for i := range list.Items {
		m := &list.Items[i]
		if m.Name != "kube-root-ca.crt" {
			out = append(out, fmt.Sprintf("%s=%s@%s/%s", m.Name, m.Data["v"], m.ResourceVersion, m.UID))
		}
	}
	return strings.Join(out, " ")
}

func configMapYAML(name, value string) string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: widgets}\ndata: {v: %q}\n", name, value)
}

// Objects and what identifies them outlive a restart; those that left the files meanwhile go, those of a
// client stay, even one that took the name of an object of a file.
func TestPersist(t *testing.T) {
	t.Parallel()
	p := &persistent{rig: &rig{t: t, stateDir: t.TempDir(), objects: t.TempDir(), heard: make(chan struct{}, 1)}}
	p.write("a.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: widgets}\n"+configMapYAML("stays", "1")+configMapYAML("leaves", "1")+configMapYAML("replaced", "1"))
	p.start()
	client, err := kubernetes.NewForConfig(p.admin)
	if err != nil {
		t.Fatal(err)
	}
	maps := client.CoreV1().ConfigMaps("widgets")
	if err := maps.Delete(t.Context(), "replaced", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"made", "replaced"} {
		if _, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"v": "client"}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	before := p.configMaps()
	p.stop()

	p.write("a.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: widgets}\n"+configMapYAML("stays", "1"))
	p.start()
	var want []string
	for m := range strings.FieldsSeq(before) {
		if !strings.HasPrefix(m, "leaves=") {
			want = append(want, m)
		}
	}
	if got := p.configMaps(); got != strings.Join(want, " ") || len(want) != 3 {
		t.Errorf("after a restart without one object in the files\ngot  %s\nwant %s", got, strings.Join(want, " "))
	}
	p.stop()
	if info, err := os.Stat(filepath.Join(p.stateDir, "files.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("files.json: %v, %v", info, err)
	}

	p.start()
	if got := p.configMaps(); got != strings.Join(want, " ") {
		t.Errorf("after a second restart\ngot  %s\nwant %s", got, strings.Join(want, " "))
	}
	p.stop()
	if n := p.countEvents("persist", ""); n > 0 {
		t.Errorf("%d events of the storage", n)
	}
}

func TestDamagedState(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(filepath.Join(dir, "objects"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "objects", "snapshot")
	if err := os.WriteFile(file, []byte("kagg objects 9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := aggregator.Start(t.Context(), aggregator.Config{StateDir: dir, Storage: aggregator.Storage{Persist: true}})
	if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), `format "9"`) {
		t.Errorf("got %v", err)
	}
}
