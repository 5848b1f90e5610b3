// fasthttp with the paths of bench/peers.py: HOST PORT THREADS.
package main

import (
	"bytes"
	"fmt"
	"log"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

const text = "text/plain; charset=utf-8"

var large = bytes.Repeat([]byte("x"), 65536)

func handle(c *fasthttp.RequestCtx) {
	c.SetContentType(text)
	switch string(c.Path()) {
	case "/plaintext":
		c.SetBodyString("Hello, World!")
	case "/hello":
		c.SetBodyString("Hello")
	case "/large":
		c.Response.SetBodyRaw(large)
	case "/echo":
		c.SetBody(c.PostBody())
	default:
		c.Error("not found", fasthttp.StatusNotFound)
	}
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: fasthttp HOST PORT THREADS")
	}
	threads, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	runtime.GOMAXPROCS(threads)
	listener, err := net.Listen("tcp", net.JoinHostPort(os.Args[1], os.Args[2]))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	// It has no timeouts of its own.
	server := fasthttp.Server{
		Handler:               handle,
		NoDefaultServerHeader: true,
		ReadTimeout:           time.Minute,
		IdleTimeout:           time.Minute,
	}
	log.Fatal(server.Serve(listener))
}
