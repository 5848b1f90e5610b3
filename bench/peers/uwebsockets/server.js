// A server on uWebSockets.js. See bench/realtime.py for what each path does. The npm registry does not have
// uWebSockets.js itself; this package has it as a fork builds it, without TLS and compression, and falls back
// on something written in JavaScript where its binaries cannot be loaded.
"use strict";

const uws = require("@trufflesuite/uws-js-unofficial");

const MESSAGE_BYTES_MAX = 1 << 20;
const OUTPUT_BYTES_MAX = 1 << 20;
const BODY_BYTES_MAX = 1 << 20;
const HEARTBEAT_MS = 15000;

if (typeof uws.getParts !== "function" || typeof uws.us_socket_local_port !== "function") {
	console.error("there is no uWebSockets for this Node in the package");
	process.exit(1);
}

const topics = new Map();
const app = uws.App();

function topicOf(name) {
	let topic = topics.get(name);
	if (!topic) {
		topic = { streams: new Set(), sent: 0 };
		topics.set(name, topic);
	}
	return topic;
}

// ---- Rooms ----

// WebSockets are in uWebSockets' own topics; it has none for streams.
function publish(name, text) {
	const topic = topicOf(name);
	// Encoded once, and not for each of them.
	const event = Buffer.from(`id: ${Date.now()}-${topic.sent++ % 10}\ndata: ${text}\n\n`);
	app.publish(name, text, false);
	for (const stream of topic.streams) {
		stream.cork(() => stream.write(event));
		stream.idle = false;
	}
	return topic.streams.size + app.numSubscribers(name);
}

setInterval(() => {
	for (const topic of topics.values())
		for (const stream of topic.streams) {
			if (stream.idle) stream.cork(() => stream.write(":\n\n"));
			stream.idle = true;
		}
}, HEARTBEAT_MS);

// ---- HTTP ----

app.get("/sse/topic/:name", (answer, request) => {
	const topic = topicOf(request.getParameter(0));
	answer.onAborted(() => topic.streams.delete(answer));
	answer.idle = true;
	answer.cork(() => {
		answer.writeStatus("200 OK");
		answer.writeHeader("content-type", "text/event-stream");
		answer.writeHeader("cache-control", "no-store");
		// Its head goes with the first bytes of the body.
		answer.write(":\n\n");
	});
	topic.streams.add(answer);
});

app.post("/publish/:name", (answer, request) => {
	const name = request.getParameter(0);
	const pieces = [];
	let bytes = 0;
	answer.onAborted(() => (answer.aborted = true));
	answer.onData((piece, last) => {
		bytes += piece.byteLength;
		if (bytes > BODY_BYTES_MAX) {
			answer.close();
			return;
		}
		pieces.push(Buffer.from(piece.slice(0)));
		// One socket at a time is corked, which here is the publisher's: what was written to the
		// streams now would go out piece by piece.
		if (last) setImmediate(answerPublished, answer, name, Buffer.concat(pieces).toString("utf8"));
	});
});

function answerPublished(answer, name, text) {
	const count = publish(name, text);
	if (answer.aborted) return;
	answer.cork(() => {
		answer.writeHeader("content-type", "text/plain; charset=utf-8");
		answer.end(`${count}\n`);
	});
}

// ---- WebSockets ----

const behaviour = {
	compression: uws.DISABLED,
	maxPayloadLength: MESSAGE_BYTES_MAX,
	// A message that would go beyond it is dropped.
	maxBackpressure: OUTPUT_BYTES_MAX,
	// Its pings are sent in good time before this is over.
	idleTimeout: 32,
	sendPingsAutomatically: true,
};

app.ws("/ws/echo", {
	...behaviour,
	message: (socket, message, isBinary) => {
		socket.send(message, isBinary, false);
	},
});

app.ws("/ws/chat", {
	...behaviour,
	upgrade: (answer, request, context) => {
		answer.upgrade(
			{ room: request.getQuery("room") },
			request.getHeader("sec-websocket-key"),
			request.getHeader("sec-websocket-protocol"),
			request.getHeader("sec-websocket-extensions"),
			context,
		);
	},
	open: (socket) => {
		socket.subscribe(socket.getUserData().room);
	},
	message: (socket, message) => {
		publish(socket.getUserData().room, Buffer.from(message).toString("utf8"));
	},
});

// ---- HTTP: the paths of bench/peers.py ----

const TEXT = "text/plain; charset=utf-8";

function page(path, body) {
	app.get(path, (answer) => {
		answer.writeHeader("content-type", TEXT).end(body);
	});
}

page("/plaintext", "Hello, World!");
page("/hello", "Hello");
page("/large", Buffer.alloc(65536, "x"));

app.post("/echo", (answer) => {
	const chunks = [];
	let length = 0;
	answer.onAborted(() => {
		length = Infinity;
	});
	answer.onData((chunk, last) => {
		length += chunk.byteLength;
		if (length > BODY_BYTES_MAX) {
			if (length !== Infinity) answer.close();
			return;
		}
		// Its memory is theirs again when this returns.
		chunks.push(Buffer.from(Buffer.from(chunk)));
		if (last)
			answer.cork(() => {
				answer.writeHeader("content-type", TEXT).end(Buffer.concat(chunks));
			});
	});
});

// HOST PORT, of which the HTTP benchmarks make use.
app.listen(process.argv[2] || "127.0.0.1", Number(process.argv[3] || 0), (listening) => {
	if (!listening) process.exit(1);
	console.log(`listening ${uws.us_socket_local_port(listening)}`);
});
