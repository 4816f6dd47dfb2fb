package pki

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

const (
	dirMode  fs.FileMode = 0o700
	keyMode  fs.FileMode = 0o600
	certMode fs.FileMode = 0o644
	// others are the permission bits that neither a folder nor a key may have.
	others fs.FileMode = 0o077
)

func pairIn(dir, name string) Pair {
	return Pair{CertFile: filepath.Join(dir, name+".crt"), KeyFile: filepath.Join(dir, name+".key")}
}

// makeDirs makes the folders of the state, or tightens those that are there.
func (s *State) makeDirs() error {
	if err := makeDir(s.Dir, s.ownsDir); err != nil {
		return err
	}
	always := func() (bool, error) { return true, nil }
	for _, dir := range []string{filepath.Dir(s.ClusterCA.CertFile), s.CertsDir} {
		if err := makeDir(dir, always); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes dir with dirMode. A folder that others can read is tightened if mayTighten says so.
func makeDir(dir string, mayTighten func() (bool, error)) error {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("make state folder %q: %w", dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("read the mode of state folder %q: %w", dir, err)
	}
	if runtime.GOOS == "windows" || info.Mode().Perm()&others == 0 {
		return nil
	}
	may, err := mayTighten()
	if err != nil {
		return err
	}
	// Another kagg may have closed the folder and begun to fill it since it was looked at.
	if info, err = os.Stat(dir); err == nil && info.Mode().Perm()&others == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the mode of state folder %q: %w", dir, err)
	}
	if !may {
		return fmt.Errorf("state folder %q is open to others (mode %04o) and holds files that are not kagg's: "+
			"name a folder for kagg alone, or run chmod 700 on this one", dir, info.Mode().Perm())
	}
	if err := os.Chmod(dir, dirMode); err != nil {
		return fmt.Errorf("state folder %q is open to others (mode %04o) and cannot be closed to them; run chmod 700 on it as its owner, or name another folder: %w",
			dir, info.Mode().Perm(), err)
	}
	return nil
}

// ownsDir reports whether the state folder is kagg's own: empty, or with kagg's pki folder in it.
func (s *State) ownsDir() (bool, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return false, fmt.Errorf("read state folder %q: %w", s.Dir, err)
	}
	if len(entries) == 0 {
		return true, nil
	}
	_, err = os.Stat(s.lockFile())
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(s.ClusterCA.CertFile)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read state folder %q: %w", s.Dir, err)
	}
	return err == nil, nil
}

// loadPair reads a certificate and its key. A file that is not there gives nil; one that is there and
// cannot be used is an error.
func loadPair(p Pair) (*x509.Certificate, crypto.Signer, error) {
	cert, err := loadCert(p.CertFile)
	if err != nil {
		return nil, nil, err
	}
	key, err := loadKey(p.KeyFile)
	if err != nil {
		return nil, nil, err
	}
	return cert, key, nil
}

func loadCert(file string) (*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	certs, err := certutil.ParseCertsPEM(data)
	if err != nil {
		return nil, fmt.Errorf("certificate %q is damaged: delete it to have it made anew: %w", file, err)
	}
	return certs[0], nil
}

func loadKey(file string) (crypto.Signer, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if err := tighten(file); err != nil {
		return nil, err
	}
	key, err := keyutil.ParsePrivateKeyPEM(data)
	if err != nil {
		return nil, fmt.Errorf("key %q is damaged: delete it to have it made anew: %w", file, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("key %q is of a kind that cannot sign (%T): delete it to have it made anew", file, key)
	}
	return signer, nil
}

// tighten takes from a private file the permissions that others have on it.
func tighten(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("read the mode of %q: %w", file, err)
	}
	if runtime.GOOS == "windows" || info.Mode().Perm()&others == 0 {
		return nil
	}
	if err := os.Chmod(file, keyMode); err != nil {
		return fmt.Errorf("private file %q is open to others (mode %04o); run chmod 600 on it: %w", file, info.Mode().Perm(), err)
	}
	return nil
}

// writeFile puts data into place at once: a reader sees the old file or the new one, never a part. It
// does not sync to disk: what a power cut takes can be made anew.
func writeFile(file string, data []byte, mode fs.FileMode) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".tmp-*")
	if err != nil {
		return fmt.Errorf("write %q: %w", file, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(data)
	if err := firstError(err, tmp.Chmod(mode), tmp.Close()); err != nil {
		return fmt.Errorf("write %q: %w", file, err)
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return fmt.Errorf("write %q: %w", file, err)
	}
	return nil
}
