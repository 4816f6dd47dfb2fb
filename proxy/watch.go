package proxy

import (
	"errors"
	"io"
	"net/http"

	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
)

// isWatch tells whether the answer is a watch that can be passed on by watch: events that come for as long as the
// client stays. Trailers, and a request with a body, are rare with a watch, and ReverseProxy's to deal with.
func (x *exchange) isWatch(resp *http.Response) bool {
	info, ok := genericapirequest.RequestInfoFrom(x.req.Context())
	return ok && info.Verb == "watch" &&
		resp.StatusCode == http.StatusOK && resp.ContentLength < 0 && len(resp.Trailer) == 0 && x.body == nil
}

// watch passes on what comes within the answer, each piece at once, until one of the sides leaves. The status and the
// headers have been written. ReverseProxy could do it, but would hold its copy buffer, and all that it made to send
// the request, for as long as the watch is open: most of what an open watch costs in memory.
//
// As ReverseProxy does, it panics with http.ErrAbortHandler if the answer breaks off, so that the client can tell.
func (x *exchange) watch(w http.ResponseWriter) {
	defer func() { _ = x.events.Close() }()
	control := http.NewResponseController(w)
	flushed := func() bool {
		err := control.Flush()
		return err == nil || errors.Is(err, http.ErrNotSupported)
	}
	if !flushed() {
		panic(http.ErrAbortHandler)
	}
	piece := pieces{large: &x.h.buffers}
	defer piece.release()
	for {
		buf := piece.buffer()
		n, err := x.events.Read(buf)
		if n > 0 {
			if _, failed := w.Write(buf[:n]); failed != nil || !flushed() {
				panic(http.ErrAbortHandler)
			}
		}
		switch {
		case err == io.EOF: // bare: an end within another error is none
			x.passTrailers(w)
			return
		case err != nil:
			x.failed(err)
			panic(http.ErrAbortHandler)
		}
		piece.came(n)
	}
}

// passTrailers passes on the trailers of an answer that did not announce them.
func (x *exchange) passTrailers(w http.ResponseWriter) {
	_ = x.events.Close() // they are known from then on
	for name, values := range x.answer.Trailer {
		w.Header()[http.TrailerPrefix+name] = values
	}
}

const (
	// smallBuffer holds an event of most watches. A watch has one for as long as it is open.
	smallBuffer = 2 * 1024
	// calm is after how many pieces in turn that fit into a small buffer the large one is given back.
	calm = 16
)

// pieces sizes the buffer of a watch by what came last: large while pieces fill the small one, as the objects do that
// are there when a watch begins, so that they go on in few writes.
type pieces struct {
	small []byte
	large *bufferPool
	lent  []byte
	short int
}

// buffer is where to read the next piece to.
func (p *pieces) buffer() []byte {
	if p.lent != nil {
		return p.lent
	}
	if p.small == nil {
		p.small = make([]byte, smallBuffer)
	}
	return p.small
}

// came tells how long the piece was.
func (p *pieces) came(n int) {
	switch {
	case n >= smallBuffer:
		p.short = 0
		if p.lent == nil {
			p.lent = p.large.Get()
		}
	case p.lent != nil:
		if p.short++; p.short == calm {
			p.release()
		}
	}
}

// release gives the large buffer back.
func (p *pieces) release() {
	if p.lent != nil {
		p.large.Put(p.lent)
		p.lent, p.short = nil, 0
	}
}
