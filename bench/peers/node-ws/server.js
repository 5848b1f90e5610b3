// A server on Node: WebSockets of the package ws, event streams of node:http. See bench/realtime.py for what
// each path does. It has one thread for JavaScript, as Node has.
"use strict";

const http = require("node:http");
const { WebSocketServer } = require("ws");

const MESSAGE_BYTES_MAX = 1 << 20;
// As ouro sends them where nothing else is to be sent. ws has no pings of its own.
const HEARTBEAT_MS = 15000;
const PING_MS = 30000;

const topics = new Map();

function topicOf(name) {
	let topic = topics.get(name);
	if (!topic) {
		topic = { sockets: new Set(), streams: new Set(), sent: 0 };
		topics.set(name, topic);
	}
	return topic;
}

// ---- Rooms ----

function publish(name, text) {
	const topic = topicOf(name);
	// Encoded once, and not for each of them.
	const data = Buffer.from(text);
	const event = Buffer.from(`id: ${Date.now()}-${topic.sent++ % 10}\ndata: ${text}\n\n`);
	for (const socket of topic.sockets) socket.send(data, { binary: false });
	for (const stream of topic.streams) {
		stream.write(event);
		stream.idle = false;
	}
	return topic.sockets.size + topic.streams.size;
}

setInterval(() => {
	for (const topic of topics.values())
		for (const stream of topic.streams) {
			if (stream.idle) stream.write(":\n\n");
			stream.idle = true;
		}
}, HEARTBEAT_MS);

// ---- HTTP ----

function beginStream(name, answer) {
	const topic = topicOf(name);
	answer.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
	answer.flushHeaders();
	answer.socket.setNoDelay(true);
	answer.idle = true;
	topic.streams.add(answer);
	answer.on("close", () => topic.streams.delete(answer));
}

function takePublished(name, request, answer) {
	const pieces = [];
	request.on("data", (piece) => pieces.push(piece));
	request.on("end", () => {
		const count = publish(name, Buffer.concat(pieces).toString("utf8"));
		answer.setHeader("content-type", "text/plain; charset=utf-8");
		answer.end(`${count}\n`);
	});
}

const server = http.createServer((request, answer) => {
	const [, first, second] = request.url.split("/");
	if (request.method === "GET" && first === "sse" && second === "topic")
		beginStream(request.url.slice("/sse/topic/".length), answer);
	else if (request.method === "POST" && first === "publish")
		takePublished(second, request, answer);
	else {
		answer.statusCode = 404;
		answer.end();
	}
});

// ---- WebSockets ----

const sockets = new WebSocketServer({
	server,
	perMessageDeflate: false,
	maxPayload: MESSAGE_BYTES_MAX,
});

sockets.on("connection", (socket, request) => {
	const url = new URL(request.url, "http://localhost");
	socket.alive = true;
	socket.on("pong", () => (socket.alive = true));
	socket.on("error", () => socket.terminate());
	if (url.pathname === "/ws/echo") {
		socket.on("message", (data, isBinary) => {
			socket.alive = true;
			socket.send(data, { binary: isBinary });
		});
	} else {
		const name = url.searchParams.get("room");
		const topic = topicOf(name);
		topic.sockets.add(socket);
		socket.on("close", () => topic.sockets.delete(socket));
		socket.on("message", (data) => publish(name, data.toString()));
	}
});

setInterval(() => {
	for (const socket of sockets.clients) {
		if (!socket.alive) socket.terminate();
		socket.alive = false;
		socket.ping();
	}
}, PING_MS);

server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
	console.log(`listening ${server.address().port}`),
);
