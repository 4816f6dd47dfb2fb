package manifest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks bounds the symbolic links on the way to one file, as operating systems do.
const maxLinks = 40

// places are where a change can change what is read. All names are absolute, without links in them.
type places struct {
	// folders are those whose manifests are read.
	folders map[string]bool
	// ways are folders that hold a part of the way to a file or folder: a link, or a part that is not
	// there yet.
	ways map[string]bool
	// parts are the parts of such ways, in folders or ways.
	parts map[string]bool
	// files are the files that are read.
	files map[string]bool
}

func newPlaces() places {
	return places{folders: map[string]bool{}, ways: map[string]bool{}, parts: map[string]bool{}, files: map[string]bool{}}
}

// step is one part of a name on the way to a file.
type step struct {
	name string
	// watched steps are looked at even if they are plain folders: those that the user wrote.
	watched bool
}

// trace notes what lies on the way to name: the folder of the last part, of each symbolic link, of
// each part that the user wrote in a relative name, and the nearest one that exists of a part that
// does not. A folder far above that is renamed is not noticed.
func (p *places) trace(name string) {
	absolute, err := filepath.Abs(name)
	if err != nil {
		return
	}
	volume := filepath.VolumeName(absolute)
	root := volume + string(filepath.Separator)
	steps := stepsOf(strings.TrimPrefix(absolute, root))
	if !filepath.IsAbs(name) {
		own := 0
		for _, s := range stepsOf(name) {
			if s.name != ".." {
				own++
			}
		}
		for i := max(0, len(steps)-own); i < len(steps); i++ {
			steps[i].watched = true
		}
	}
	at, links := root, 0
	for len(steps) > 0 {
		s := steps[0]
		steps = steps[1:]
		if s.name == ".." {
			at = filepath.Dir(at)
			continue
		}
		full := filepath.Join(at, s.name)
		p.parts[full] = true
		info, err := os.Lstat(full)
		isLink := err == nil && info.Mode()&os.ModeSymlink != 0
		if err != nil || isLink || s.watched || len(steps) == 0 {
			p.ways[at] = true
		}
		if err != nil {
			return
		}
		if !isLink {
			at = full
			continue
		}
		target, err := os.Readlink(full)
		if links++; err != nil || links > maxLinks {
			return
		}
		if filepath.IsAbs(target) {
			at = root
			target = strings.TrimPrefix(target, root)
		}
		steps = append(stepsOf(target), steps...)
	}
}

// stepsOf splits a relative name. Its ".." are kept: after a link they lead elsewhere than back.
func stepsOf(name string) []step {
	var steps []step
	for part := range strings.SplitSeq(filepath.ToSlash(name), "/") {
		if part != "" && part != "." {
			steps = append(steps, step{name: part})
		}
	}
	return steps
}

// watched lists the folders to watch, sorted.
func (p *places) watched() []string {
	list := make([]string, 0, len(p.folders)+len(p.ways))
	for f := range p.folders {
		list = append(list, f)
	}
	for w := range p.ways {
		list = append(list, w)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// concerns reports whether something that happened to name may change what is read. A mere write
// (structural is false) concerns the files that are read; that something came or went concerns, in a
// folder that is read, any name: it may be a link or a subfolder.
func (p *places) concerns(name string, structural bool) bool {
	if p.parts[name] || p.files[name] || p.folders[name] || p.ways[name] {
		return true
	}
	if !p.folders[filepath.Dir(name)] {
		return false
	}
	return structural || isManifest(filepath.Base(name))
}
