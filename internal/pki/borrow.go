package pki

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Borrow copies to the state folder dir what backends know the kagg of this folder by, and it them: the front proxy
// with its CA, and the cluster CA. Ensure then makes the rest of dir. What is not there is left out. dir is made where
// it is missing; the caller removes it, since keys are among the copies.
func (s *State) Borrow(dir string) error {
	to := Locate(dir)
	if err := to.makeDirs(); err != nil {
		return err
	}
	// A pair that is just being made anew must not come in two halves.
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	err = s.copyPairs(to)
	return firstError(err, unlock())
}

func (s *State) copyPairs(to *State) error {
	for _, pair := range [][2]Pair{
		{s.ClusterCA, to.ClusterCA}, {s.FrontProxyCA, to.FrontProxyCA}, {s.FrontProxyClient, to.FrontProxyClient},
	} {
		if err := firstError(
			copyFile(pair[0].CertFile, pair[1].CertFile, certMode),
			copyFile(pair[0].KeyFile, pair[1].KeyFile, keyMode),
		); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string, mode fs.FileMode) error {
	data, err := os.ReadFile(filepath.Clean(from))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("copy %q: %w", from, err)
	}
	return writeFile(to, data, mode)
}
