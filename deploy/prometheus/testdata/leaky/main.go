// Leaky is a control for the alert of growing memory: a file server with
// fullbore's metrics that keeps a little memory of each download, for ever. An
// alert that does not fire for it is broken.
//
// It keeps 4 MiB per GB served: much for a leak, so that seconds are enough to
// see it on a slow machine. That less is enough is tested in alerts_test.yml.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// keptPerGB is the leak, in bytes per 1e9 bytes served.
const keptPerGB = 4 << 20

func main() {
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// leak is what is kept.
type leak struct {
	mu   sync.Mutex
	kept [][]byte
	owed int64 // bytes served that nothing was kept for yet
}

// add keeps pages for n bytes served, and writes on them: memory that was never
// written to is not resident.
func (l *leak) add(n int64) {
	const page, perPage = 4096, 1_000_000_000 / (keptPerGB / 4096)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed += n
	for ; l.owed >= perPage; l.owed -= perPage {
		piece := make([]byte, page)
		for i := range piece {
			piece[i] = 1
		}
		l.kept = append(l.kept, piece)
	}
}

// metrics answers with all that is registered.
func metrics(w http.ResponseWriter, _ *http.Request) {
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	w.Header().Set("Content-Type", string(format))
	encoder := expfmt.NewEncoder(w, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return // the scraper went away
		}
	}
}

func serve(folder string) error {
	bytes := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fullbore_response_body_bytes_total", Help: "Bytes of response bodies."}, []string{"kind"})
	connections := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "fullbore_connections", Help: "Connections, by state."}, []string{"state"})
	prometheus.MustRegister(bytes, connections)
	connections.WithLabelValues("idle").Set(0)
	var kept leak
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics", metrics)
	mux.HandleFunc("/{file}", func(w http.ResponseWriter, r *http.Request) {
		file, err := os.Open(filepath.Join(folder, r.PathValue("file")))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			http.Error(w, "stat", http.StatusInternalServerError)
			return
		}
		http.ServeContent(w, r, info.Name(), time.Time{}, file)
		bytes.WithLabelValues("file").Add(float64(info.Size()))
		kept.add(info.Size())
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening http://"+listener.Addr().String())
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				connections.WithLabelValues("active").Inc()
			case http.StateClosed:
				connections.WithLabelValues("active").Dec()
			}
		},
	}
	return server.Serve(listener)
}
