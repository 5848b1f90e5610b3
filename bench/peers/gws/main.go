// A WebSocket echo on gws, measured beside ouro by bench/ws/run. One processor runs Go code.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"runtime"

	"github.com/lxzan/gws"
)

const messageBytesMax = 1 << 20

type echo struct{ gws.BuiltinEventHandler }

func (echo) OnPing(socket *gws.Conn, payload []byte) { _ = socket.WritePong(payload) }

func (echo) OnMessage(socket *gws.Conn, message *gws.Message) {
	defer message.Close()
	_ = socket.WriteMessage(message.Opcode, message.Bytes())
}

func main() {
	runtime.GOMAXPROCS(1)
	upgrader := gws.NewUpgrader(echo{}, &gws.ServerOption{ReadMaxPayloadSize: messageBytesMax})
	http.HandleFunc("/ws/echo", func(out http.ResponseWriter, request *http.Request) {
		socket, err := upgrader.Upgrade(out, request)
		if err == nil {
			go socket.ReadLoop()
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, nil))
}
