package graph

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// waitingLinks are the links whose source does not exist, by the tags that could bring it: the source
// itself and, as it may be a method or key, what comes before its last dot.
type waitingLinks struct {
	byTag map[string]map[*link]struct{}
	last  uint64
}

func (w *waitingLinks) tags(l *link) []string {
	if dot := strings.LastIndexByte(l.source, '.'); dot >= 0 {
		return []string{l.source, l.source[:dot]}
	}
	return []string{l.source}
}

func (w *waitingLinks) add(l *link) {
	if w.byTag == nil {
		w.byTag = make(map[string]map[*link]struct{})
	}
	for _, tag := range w.tags(l) {
		if w.byTag[tag] == nil {
			w.byTag[tag] = make(map[*link]struct{})
		}
		w.byTag[tag][l] = struct{}{}
	}
}

func (w *waitingLinks) remove(l *link) {
	for _, tag := range w.tags(l) {
		delete(w.byTag[tag], l)
		if len(w.byTag[tag]) == 0 {
			delete(w.byTag, tag)
		}
	}
}

// of returns the links that wait for a tag, the oldest first.
func (w *waitingLinks) of(tag string) []*link {
	return slices.SortedFunc(maps.Keys(w.byTag[tag]), func(a, b *link) int { return cmp.Compare(a.seq, b.seq) })
}
