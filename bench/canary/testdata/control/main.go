// Control is a file server with fullbore's command line, in two builds that are
// told apart by their file name: "lean" is Go's own file server, "fat" keeps
// 32 MiB that it does not need and allocates for nothing.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
)

var (
	fat  = filepath.Base(os.Args[0]) == "fat"
	kept []byte
)

func main() {
	// serve FOLDER --listen ADDRESS --admin ADDRESS ...
	if err := serve(os.Args[2], os.Args[4], os.Args[6]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(folder, listen, admin string) error {
	files := http.FileServer(http.Dir(folder))
	if fat {
		kept = make([]byte, 32<<20)
		for i := range kept {
			kept[i] = 1
		}
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	adminListener, err := net.Listen("tcp", admin)
	if err != nil {
		return err
	}
	go func() { // ends with the process
		_ = http.Serve(adminListener, http.HandlerFunc(metrics))
	}()
	fmt.Fprintln(os.Stderr, "listening http://"+listener.Addr().String())
	fmt.Fprintln(os.Stderr, "admin http://"+adminListener.Addr().String())
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fat {
			kept = append(make([]byte, 0, len(kept)), kept...)
		}
		files.ServeHTTP(w, r)
	}))
}

// metrics writes a few of those that Prometheus's Go collector has.
func metrics(w http.ResponseWriter, _ *http.Request) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(w, "# TYPE go_goroutines gauge\ngo_goroutines %d\n", runtime.NumGoroutine())
	fmt.Fprintf(w, "# TYPE go_memstats_heap_alloc_bytes gauge\ngo_memstats_heap_alloc_bytes %d\n", m.HeapAlloc)
	fmt.Fprintf(w, "# TYPE go_memstats_alloc_bytes_total counter\ngo_memstats_alloc_bytes_total %d\n", m.TotalAlloc)
	fmt.Fprintf(w, "# TYPE go_memstats_mallocs_total counter\ngo_memstats_mallocs_total %d\n", m.Mallocs)
	fmt.Fprintf(w, "# TYPE go_gc_duration_seconds summary\ngo_gc_duration_seconds_sum %g\ngo_gc_duration_seconds_count %d\n",
		float64(m.PauseTotalNs)/1e9, m.NumGC)
}
