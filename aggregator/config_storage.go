package aggregator

import (
	"errors"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/etcd"
	"github.com/kagg-project/kagg/delegate/memory"
)

// Storage says where the objects of the local APIs are kept. The zero value keeps
// them in memory, and loses them at the end.
type Storage struct {
	// Persist keeps the objects in memory, and in the folder "objects" of the
	// state folder over a restart. Not together with Etcd.Servers.
	Persist bool
	// WatchHistory is how many events are kept in memory for each resource;
	// default 10000. A watch or list from before them gets 410 Expired. Not
	// together with Etcd.Servers.
	WatchHistory int
	// Etcd keeps the objects in an etcd, which several processes may share, where
	// Servers is not empty. Its ResourcePrefix is set by the aggregator.
	Etcd etcd.Options
}

// shared tells whether other processes may have the same objects.
func (s *Storage) shared() bool { return len(s.Etcd.Servers) > 0 }

// outlives tells whether the objects may be from before the start.
func (s *Storage) outlives() bool { return s.Persist || s.shared() }

// Validate finds what is wrong without reading the storage; the errors name the
// kube-apiserver's flags.
func (s *Storage) Validate() error {
	if !s.shared() {
		if s.WatchHistory < 0 {
			return errors.New("--watch-history must be at least 1")
		}
		return nil
	}
	if s.Persist {
		return errors.New("--persist and --etcd-servers exclude each other: an etcd keeps the objects itself, and other processes may change them there while a copy in the state folder grows old: leave one of the two out")
	}
	if s.WatchHistory != 0 {
		return errors.New("--watch-history is for objects kept in memory: an etcd has its own history, which --etcd-compaction-interval bounds")
	}
	return s.Etcd.Validate()
}

// memoryOptions are those of objects kept in memory.
func (s *Storage) memoryOptions() memory.Options {
	// Who watches in this process does so through the HTTP handlers, which
	// understand shared encodings.
	return memory.Options{HistoryLimit: s.WatchHistory, ShareEncoding: true}
}

// etcdOptions lay the keys out as a kube-apiserver's.
func (s *Storage) etcdOptions() etcd.Options {
	o := s.Etcd
	o.ResourcePrefix = delegate.StoragePrefix
	return o
}
