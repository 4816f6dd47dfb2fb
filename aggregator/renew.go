package aggregator

import (
	"context"
	"strings"
	"time"

	"github.com/kagg-project/kagg/internal/pki"
)

// renewInterval is how often the certificates are looked at while kagg runs. A
// leaf is renewed when a third of its year is left.
const renewInterval = 12 * time.Hour

// renew makes certificates anew before they expire, until ctx ends. Who serves
// with a file, or shows it, follows the file.
func (a *Aggregator) renew(ctx context.Context) {
	ticker := time.NewTicker(renewInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			a.report("certificates", a.renewNow())
		}
	}
}

// renewNow renews what is due, and writes the kubeconfigs, which embed some of it.
func (a *Aggregator) renewNow() error {
	state, err := pki.Ensure(a.config.StateDir, a.pkiOptions())
	if err != nil {
		return err
	}
	if len(state.Changed) == 0 {
		return nil
	}
	a.config.OnEvent(Event{Subject: "certificates", Message: "renewed: " + strings.Join(state.Changed, ", ")})
	return a.writeKubeconfigs()
}
