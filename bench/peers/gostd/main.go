// Go's net/http with the paths of bench/peers.py: HOST PORT THREADS.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"time"
)

const text = "text/plain; charset=utf-8"

var large = bytes.Repeat([]byte("x"), 65536)

func answer(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", text)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: gostd HOST PORT THREADS")
	}
	threads, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	runtime.GOMAXPROCS(threads)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /plaintext", func(w http.ResponseWriter, r *http.Request) {
		answer(w, []byte("Hello, World!"))
	})
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		answer(w, []byte("Hello"))
	})
	mux.HandleFunc("GET /large", func(w http.ResponseWriter, r *http.Request) {
		answer(w, large)
	})
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, body)
	})
	listener, err := net.Listen("tcp", net.JoinHostPort(os.Args[1], os.Args[2]))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	// It has no timeouts of its own.
	server := http.Server{Handler: mux, ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute}
	log.Fatal(server.Serve(listener))
}
