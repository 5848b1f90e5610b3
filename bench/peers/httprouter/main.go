// Times lookups in github.com/julienschmidt/httprouter: every path of each file named is looked up
// once in turn. A file has lines "route PATTERN" and "path PATH"; its name is the name of the set.
// Prints the nanoseconds of one lookup for each set, as JSON: of the processor, not of the clock, so
// that what else runs does not count; collecting the garbage that lookups make does.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/julienschmidt/httprouter"
)

const atLeast = 300 * time.Millisecond

func handle(http.ResponseWriter, *http.Request, httprouter.Params) {}

func read(file string) (*httprouter.Router, []string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	router := httprouter.New()
	var paths []string
	for _, line := range strings.Split(string(text), "\n") {
		if route, ok := strings.CutPrefix(line, "route "); ok {
			router.GET(strings.NewReplacer("{", ":", "}", "").Replace(route), handle)
		}
		if path, ok := strings.CutPrefix(line, "path "); ok {
			paths = append(paths, path)
		}
	}
	return router, paths, nil
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

var params httprouter.Params

func lookUpAll(router *httprouter.Router, paths []string, rounds int) time.Duration {
	start := processorTime()
	for i := 0; i < rounds; i++ {
		for _, path := range paths {
			_, params, _ = router.Lookup("GET", path)
		}
	}
	return processorTime() - start
}

func main() {
	results := map[string]float64{}
	for _, file := range os.Args[1:] {
		router, paths, err := read(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		rounds := 100
		taken := lookUpAll(router, paths, rounds)
		for taken < atLeast {
			rounds *= 2
			taken = lookUpAll(router, paths, rounds)
		}
		results[filepath.Base(file)] = float64(taken.Nanoseconds()) / float64(rounds*len(paths))
	}
	json.NewEncoder(os.Stdout).Encode(results)
}
