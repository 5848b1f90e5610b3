// Gin with the paths of bench/peers.py: HOST PORT THREADS.
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

	"github.com/gin-gonic/gin"
)

const text = "text/plain; charset=utf-8"

var (
	plaintext = []byte("Hello, World!")
	hello     = []byte("Hello")
	large     = bytes.Repeat([]byte("x"), 65536)
)

func answer(c *gin.Context, body []byte) {
	c.Header("Content-Length", strconv.Itoa(len(body)))
	c.Data(http.StatusOK, text, body)
}

func echo(c *gin.Context) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, 1<<20))
	if err != nil {
		c.AbortWithStatus(http.StatusBadRequest)
		return
	}
	answer(c, body)
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: gin HOST PORT THREADS")
	}
	threads, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	runtime.GOMAXPROCS(threads)
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery())
	router.GET("/plaintext", func(c *gin.Context) { answer(c, plaintext) })
	router.GET("/hello", func(c *gin.Context) { answer(c, hello) })
	router.GET("/large", func(c *gin.Context) { answer(c, large) })
	router.POST("/echo", echo)
	listener, err := net.Listen("tcp", net.JoinHostPort(os.Args[1], os.Args[2]))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	// net/http, which is below it, has no timeouts of its own.
	server := http.Server{Handler: router, ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute}
	log.Fatal(server.Serve(listener))
}
