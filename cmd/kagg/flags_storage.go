package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apiserver/pkg/storage/storagebackend"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/delegate/etcd"
)

// addStorageFlags adds what says where the objects are kept.
func (f *serveFlags) addStorageFlags(flags *pflag.FlagSet) {
	s := &f.config.Storage
	flags.BoolVar(&s.Persist, "persist", false, "keep the objects in --state-dir over a restart; without it they end with kagg")
	flags.IntVar(&s.WatchHistory, "watch-history", 0, "number of events kept in memory for each resource; a watch from before them gets 410 Expired (default 10000)")
	flags.StringSliceVar(&s.Etcd.Servers, "etcd-servers", nil, "URLs of the etcd that keeps the objects, in place of memory; several kagg can share one")
	flags.StringVar(&s.Etcd.CAFile, "etcd-cafile", "", "PEM file of the CA that verifies the etcd's certificate")
	flags.StringVar(&s.Etcd.CertFile, "etcd-certfile", "", "PEM file of the client certificate for the etcd")
	flags.StringVar(&s.Etcd.KeyFile, "etcd-keyfile", "", "PEM file of the key of --etcd-certfile")
	flags.StringVar(&s.Etcd.Prefix, "etcd-prefix", etcd.DefaultPrefix, "what every key in the etcd begins with")
	flags.DurationVar(&s.Etcd.CompactionInterval, "etcd-compaction-interval", storagebackend.DefaultCompactInterval, "time between compactions of the etcd; 0 for none")
	flags.Bool("watch-cache", true, "answer lists and watches of objects in the etcd from a cache in kagg")
}

// completeStorage checks the storage flags and fills what they do not set themselves.
func completeStorage(s *aggregator.Storage, flags *pflag.FlagSet) error {
	if len(s.Etcd.Servers) == 0 {
		var alone []string
		flags.Visit(func(f *pflag.Flag) {
			if strings.HasPrefix(f.Name, "etcd-") || f.Name == "watch-cache" {
				alone = append(alone, "--"+f.Name)
			}
		})
		if len(alone) > 0 {
			return usageError{fmt.Errorf("%s: without --etcd-servers there is no etcd: name it, or leave this out", strings.Join(alone, ", "))}
		}
	}
	if flags.Changed("watch-history") && s.WatchHistory < 1 {
		return usageError{fmt.Errorf("--watch-history %d: use at least 1", s.WatchHistory)}
	}
	switch {
	case s.Etcd.CompactionInterval < 0:
		return usageError{fmt.Errorf("--etcd-compaction-interval %s: use a time like 5m, or 0 for none", s.Etcd.CompactionInterval)}
	case s.Etcd.CompactionInterval == 0:
		s.Etcd.CompactionInterval = -1
	}
	cache, err := flags.GetBool("watch-cache")
	if err != nil {
		return err
	}
	s.Etcd.NoWatchCache = !cache
	if err := s.Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

// markStorageFiles makes completion offer files where a storage flag takes one.
func markStorageFiles(cmd *cobra.Command) {
	for _, name := range []string{"etcd-cafile", "etcd-certfile", "etcd-keyfile"} {
		cobra.CheckErr(cmd.MarkFlagFilename(name))
	}
}
