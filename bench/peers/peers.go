//go:build linux

package peers

// This file is the comparison, top to bottom. It exists to keep it fair: one
// processor for whichever server is being measured, another for the client, and
// the servers taken in turn, so that a slow minute of the machine hits them all.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"fullbore/bench/load"
	"fullbore/bench/target"
)

// Config says how much to download.
type Config struct {
	Rounds    int    // measured, after one that warms up
	Downloads int    // whole downloads per server and round, one after the other
	Size      int64  // of the file, bytes
	JSON      string // where the figures go; empty is nowhere
}

// ConfigDefault takes about two minutes.
var ConfigDefault = Config{Rounds: 10, Downloads: 4, Size: 2 << 30}

const fileName = "peers.bin"

// afterwards is how long a server may still work after the last byte, such as
// writing its log, and have it counted.
const afterwards = 1200 * time.Millisecond

// contender is a peer that runs, and its figures, one per round.
type contender struct {
	Name       string    `json:"name"`
	CPUPerGB   []float64 `json:"cpu_seconds_per_gb"`
	BothPerGB  []float64 `json:"cpu_seconds_per_gb_with_client"`
	Throughput []float64 `json:"gb_per_second"`

	server *target.Server
	client *load.Client
}

// Run measures the peers and writes the comparison to out. Interrupted, it
// reports the rounds that it has, and the interruption as its error.
func Run(ctx context.Context, config Config, out, progress io.Writer) (err error) {
	if config.Rounds < 1 || config.Downloads < 1 || config.Size < 1 {
		return errors.New("--rounds, --downloads and --size must be at least 1")
	}
	serverCPU, clientCPU, err := twoCPUs()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "fullbore-peers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	contenders, stop, err := startAll(ctx, all, config, folder, serverCPU)
	defer stop()
	if err != nil {
		return err
	}
	unpin, err := pinSelf(clientCPU)
	if err != nil {
		return err
	}
	defer unpin()
	err = rounds(ctx, config, contenders, progress)
	if len(contenders[len(contenders)-1].CPUPerGB) > 0 {
		writeTable(out, config, contenders, serverCPU, clientCPU)
	}
	if config.JSON != "" {
		err = errors.Join(err, writeJSON(config, contenders))
	}
	return err
}

// startAll starts every peer on one CPU. The returned stop ends those that run,
// also when there is an error.
func startAll(ctx context.Context, peers []peer, config Config, folder string, cpu int) (contenders []*contender, stop func(), err error) {
	stop = func() {
		for _, contender := range contenders {
			contender.client.Close()
			contender.server.Stop()
		}
	}
	files := filepath.Join(folder, "files")
	if err := os.Mkdir(files, 0o755); err != nil {
		return nil, stop, err
	}
	if err := target.SparseFile(filepath.Join(files, fileName), config.Size); err != nil {
		return nil, stop, err
	}
	for i, peer := range peers {
		for _, program := range peer.needs {
			if _, err := exec.LookPath(program); err != nil {
				return contenders, stop, fmt.Errorf("%s needs %s: %w", peer.name, program, err)
			}
		}
		server, err := peer.start(ctx, site{files, filepath.Join(folder, strconv.Itoa(i)), []int{cpu}})
		if err != nil {
			return contenders, stop, fmt.Errorf("%s: %w", peer.name, err)
		}
		u, err := url.Parse(server.URL + "/" + fileName)
		contenders = append(contenders, &contender{Name: peer.name, server: server, client: &load.Client{URL: u, Size: config.Size}})
		if err != nil {
			return contenders, stop, fmt.Errorf("%s: %w", peer.name, err)
		}
	}
	return contenders, stop, nil
}

// rounds measures every contender in turn; round 0 warms up.
func rounds(ctx context.Context, config Config, contenders []*contender, progress io.Writer) error {
	for round := range config.Rounds + 1 {
		for _, contender := range contenders {
			f, err := contender.measure(ctx, config)
			if err != nil {
				return fmt.Errorf("%s in round %d: %w", contender.Name, round, err)
			}
			if round == 0 {
				continue
			}
			contender.CPUPerGB = append(contender.CPUPerGB, f.cpuPerGB)
			contender.BothPerGB = append(contender.BothPerGB, f.bothPerGB)
			contender.Throughput = append(contender.Throughput, f.throughput)
			// Progress that cannot be shown is no reason to stop.
			_, _ = fmt.Fprintf(progress, "round %d/%d: %-14s %.4f CPU s/GB (%.4f with client)  %.2f GB/s\n",
				round, config.Rounds, contender.Name, f.cpuPerGB, f.bothPerGB, f.throughput)
		}
	}
	return nil
}

// figures are one round of one server.
type figures struct{ cpuPerGB, bothPerGB, throughput float64 }

func (c *contender) measure(ctx context.Context, config Config) (figures, error) {
	serverBefore, clientBefore, err := c.cpu()
	if err != nil {
		return figures{}, err
	}
	begin := time.Now()
	for range config.Downloads {
		if result := c.client.Do(ctx, load.Request{Kind: load.Whole}); result.Err != nil {
			return figures{}, result.Err
		}
	}
	took := time.Since(begin)
	select {
	case <-ctx.Done():
		return figures{}, ctx.Err()
	case <-time.After(afterwards):
	}
	serverAfter, clientAfter, err := c.cpu()
	if err != nil {
		return figures{}, err
	}
	gb := float64(config.Size) * float64(config.Downloads) / 1e9
	server, client := (serverAfter - serverBefore).Seconds(), (clientAfter - clientBefore).Seconds()
	return figures{server / gb, (server + client) / gb, gb / took.Seconds()}, nil
}

// cpu reads what the server and this process have used. On loopback the kernel
// does part of the server's sending on the client's account, whenever it is an
// acknowledgement that sets it going; only the sum of both is free of that.
func (c *contender) cpu() (server, client time.Duration, err error) {
	theirs, err := c.server.Sample()
	if err != nil {
		return 0, 0, err
	}
	self, err := target.Attach(os.Getpid())
	if err != nil {
		return 0, 0, err
	}
	ours, err := self.Sample()
	return theirs.CPU, ours.CPU, err
}

// pinSelf confines this process to one CPU until unpin is called.
func pinSelf(cpu int) (unpin func(), err error) {
	before, err := target.Affinity()
	if err != nil {
		return nil, err
	}
	procs := runtime.GOMAXPROCS(1)
	unpin = func() {
		runtime.GOMAXPROCS(procs)
		_ = target.PinSelf(before) // the process is about to end anyway
	}
	if err := target.PinSelf([]int{cpu}); err != nil {
		unpin()
		return nil, err
	}
	return unpin, nil
}

func twoCPUs() (server, client int, err error) {
	cpus, err := target.Affinity()
	if err != nil {
		return 0, 0, err
	}
	if len(cpus) < 2 {
		return 0, 0, errors.New("two processors are needed, one for the servers and one for the client")
	}
	return cpus[0], cpus[1], nil
}
