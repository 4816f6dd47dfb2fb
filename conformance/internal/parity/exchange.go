package parity

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answered is what a server answered, and what its backend was sent.
type answered struct {
	// failure is why there is no answer.
	failure       string
	informational []int
	status        int
	header        http.Header
	trailer       http.Header
	body          []byte
	// broken tells that the body ended before its end.
	broken  bool
	backend *received
	// left tells that the backend noticed that the client had left.
	left bool
}

// leavePatience is how long a backend may take to notice that a client has left.
const leavePatience = 5 * time.Second

// send sends a request to one side.
func (s *side) send(ctx context.Context, r *Request, mark string, ca *authority) answered {
	var out answered
	if r.Raw != "" {
		out = s.sendRaw(ctx, r, mark, ca)
	} else {
		out = s.sendPlain(ctx, r, mark)
	}
	if r.Again {
		again := *r
		again.Again, again.Headers = false, maps.Clone(r.Headers)
		again.Headers["If-None-Match"] = Values{out.header.Get("Etag")}
		return s.send(ctx, &again, mark, ca)
	}
	if b := s.backends[r.Backend]; b != nil {
		out.backend = b.take(mark)
	}
	if r.Leave.Duration > 0 && out.backend != nil {
		select {
		case <-out.backend.left:
			out.left = true
		case <-time.After(leavePatience):
		}
	}
	return out
}

func (s *side) sendPlain(ctx context.Context, r *Request, mark string) answered {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var body io.Reader = http.NoBody
	switch {
	case r.Bytes > 0:
		body = bytes.NewReader(bytes.Repeat([]byte{'x'}, r.Bytes))
	case r.Body != "":
		body = strings.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method(), s.url+r.Path, body)
	if err != nil {
		return answered{failure: err.Error()}
	}
	s.setHeaders(req.Header, r, mark)
	resp, err := s.clientOf(r.As).Do(req)
	if err != nil {
		return answered{failure: cause(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	if r.Leave.Duration > 0 {
		defer time.AfterFunc(r.Leave.Duration, cancel).Stop()
	}
	out := read(resp, r)
	out.broken = out.broken && r.Leave.Duration == 0
	return out
}

func (s *side) setHeaders(h http.Header, r *Request, mark string) {
	h.Set(markHeader, mark)
	h.Set("User-Agent", "scenario")
	for name, values := range r.Headers {
		h.Del(name)
		for _, v := range values {
			h.Add(name, v)
		}
	}
	if token, ok := strings.CutPrefix(r.As, "token:"); ok {
		h.Set("Authorization", "Bearer "+token)
	}
}

func read(resp *http.Response, r *Request) answered {
	out := answered{status: resp.StatusCode, header: resp.Header.Clone()}
	var err error
	if r.Lines > 0 {
		reader := bufio.NewReader(resp.Body)
		for range r.Lines {
			var line []byte
			line, err = reader.ReadBytes('\n')
			out.body = append(out.body, line...)
			if err != nil {
				break
			}
		}
	} else {
		out.body, err = io.ReadAll(resp.Body)
	}
	out.broken = err != nil && !errors.Is(err, io.EOF)
	out.trailer = resp.Trailer
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if plain, err := gunzip(out.body); err == nil {
			out.body = plain
		}
	}
	return out
}

func gunzip(data []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// rawPatience is how long the answer to raw bytes may take.
const rawPatience = 10 * time.Second

// sendRaw writes bytes as they are, and reads every answer that comes, the 1xx ones too.
func (s *side) sendRaw(ctx context.Context, r *Request, mark string, ca *authority) answered {
	dialer := tls.Dialer{Config: s.tlsConfig(r.As)}
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "https://"))
	if err != nil {
		return answered{failure: cause(err)}
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(rawPatience))
	text := strings.ReplaceAll(strings.ReplaceAll(s.expand(r.Raw, ca), "${mark}", mark), "\n", "\r\n")
	if _, err := io.WriteString(conn, text); err != nil {
		return answered{failure: cause(err)}
	}
	reader := bufio.NewReader(conn)
	method, _, _ := strings.Cut(r.Raw, " ")
	var informational []int
	for {
		resp, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			return answered{failure: cause(err), informational: informational}
		}
		if resp.StatusCode >= 200 {
			out := read(resp, r)
			_ = resp.Body.Close()
			out.informational = informational
			return out
		}
		informational = append(informational, resp.StatusCode)
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return switched(resp, reader, conn, informational)
		}
	}
}

// switched says something over a switched connection, and reads it back.
func switched(resp *http.Response, reader *bufio.Reader, conn net.Conn, informational []int) answered {
	const said = "hello over the switched protocol\n"
	out := answered{status: resp.StatusCode, header: resp.Header.Clone(), informational: informational}
	if _, err := io.WriteString(conn, said); err != nil {
		out.failure = cause(err)
		return out
	}
	out.body = make([]byte, len(said))
	n, err := io.ReadFull(reader, out.body)
	out.body, out.broken = out.body[:n], err != nil
	return out
}

// cause is an error without the address that it happened at.
func cause(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Sprintf("%s: %v", op.Op, op.Err)
	}
	text := err.Error()
	if i := strings.LastIndex(text, `": `); i >= 0 {
		text = text[i+3:]
	}
	return text
}

func markOf(step int, attempt int) string {
	return strconv.Itoa(step) + "." + strconv.Itoa(attempt)
}
