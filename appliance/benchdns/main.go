package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const inside = "STAIRGATE_BENCH"

// options are the flags.
type options struct {
	sizes   []int
	rounds  int
	length  time.Duration
	corpus  string
	queries string
	only    string
	beside  string
	loads   []string
	reload  bool
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "benchdns:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) == 3 && os.Args[1] == "coredns" {
		return coredns(os.Args[2])
	}
	if len(os.Args) == 3 && os.Args[1] == "upstream" {
		return upstream(os.Args[2])
	}
	var o options
	names := flag.String("names", "100000,1000000", "sizes of the list")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; medians are reported")
	seconds := flag.Float64("seconds", 2, "length of each turn of a server")
	flag.StringVar(&o.corpus, "corpus", "", "gzip file of domain<TAB>category lines (default: made-up names)")
	flag.StringVar(&o.queries, "queries", "", "dnsperf file for the mixed workload (default: made up)")
	flag.StringVar(&o.only, "only", "", "servers to measure, with commas")
	flag.StringVar(&o.beside, "beside", "", "other builds of dnsd to measure in the same run, as name=path with commas")
	loads := flag.String("workloads", strings.Join(append(workloads, steady), ","), "workloads to measure, with commas")
	flag.BoolVar(&o.reload, "reload", true, "measure reloads; 20 s a server and size or more")
	flag.Parse()
	for w := range strings.SplitSeq(*loads, ",") {
		if !slices.Contains(append(workloads, steady), w) {
			return fmt.Errorf("%q is no workload: write some of %s,%s", w, strings.Join(workloads, ","), steady)
		}
		o.loads = append(o.loads, w)
	}
	o.length = time.Duration(*seconds * float64(time.Second))
	for f := range strings.SplitSeq(*names, ",") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1000 {
			return fmt.Errorf("%q is not a size: write numbers such as 100000,1000000", f)
		}
		o.sizes = append(o.sizes, n)
	}
	if os.Getenv(inside) == "" {
		return enter()
	}
	return bench(o)
}

// enter builds dnsd, and runs the bench in namespaces of its own: nothing stays
// behind, whatever ends it.
func enter() error {
	if os.Getuid() != 0 {
		return errors.New("run it as root: port 53 and a network namespace need it")
	}
	dir, err := os.MkdirTemp("", "benchdns-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil { // dnsd reads its lists as nobody
		return err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "dnsd"), "stairgate/dns/dnsd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building dnsd: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// The bench itself stays on the load generator's core.
	cmd := exec.Command("taskset", append([]string{"-c", loadCore, self}, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), inside+"="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	return cmd.Run()
}

// bench measures every size.
func bench(o options) error {
	for _, line := range []string{"mount --make-rprivate /", "mount -t proc proc /proc", "ip link set lo up"} {
		f := strings.Fields(line)
		if out, err := exec.Command(f[0], f[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", line, err, out)
		}
	}
	up, err := startUpstream()
	if err != nil {
		return err
	}
	defer up.stop()
	ours, err := startWriters(os.Getenv(inside), o.beside)
	if err != nil {
		return err
	}
	for _, size := range o.sizes {
		if err := benchSize(o, size, ours, filepath.Join(os.Getenv(inside), strconv.Itoa(size))); err != nil {
			return fmt.Errorf("%d names: %w", size, err)
		}
	}
	return nil
}

// startWriters makes a writer for this dnsd and one for each of the others.
func startWriters(dir, beside string) ([]*writer, error) {
	programs := [][2]string{{"dnsd", filepath.Join(dir, "dnsd")}}
	for other := range strings.SplitSeq(beside, ",") {
		if name, path, ok := strings.Cut(other, "="); ok {
			programs = append(programs, [2]string{name, path})
		} else if other != "" {
			return nil, fmt.Errorf("%q names no build of dnsd: write -beside before=/path/to/dnsd", other)
		}
	}
	var all []*writer
	for i, p := range programs {
		w, err := startWriter(dir, p[0], p[1], i)
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}
