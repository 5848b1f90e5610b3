// A server on Bun, whose HTTP and WebSockets are uWebSockets inside. See bench/realtime.py for what each path
// does.

const MESSAGE_BYTES_MAX = 1 << 20;
const OUTPUT_BYTES_MAX = 1 << 20;
const HEARTBEAT_MS = 15000;

const topics = new Map();
const encoder = new TextEncoder();

function topicOf(name) {
	let topic = topics.get(name);
	if (!topic) {
		topic = { streams: new Set(), sent: 0 };
		topics.set(name, topic);
	}
	return topic;
}

// ---- Rooms ----

// WebSockets are in topics of Bun's own; it has none for streams.
function publish(name, text) {
	const topic = topicOf(name);
	const event = encoder.encode(`id: ${Date.now()}-${topic.sent++ % 10}\ndata: ${text}\n\n`);
	server.publish(name, text);
	for (const stream of topic.streams) write(topic, stream, event);
	return topic.streams.size + server.subscriberCount(name);
}

function write(topic, stream, bytes) {
	try {
		stream.write(bytes);
		stream.flush();
		stream.idle = false;
	} catch {
		topic.streams.delete(stream);
	}
}

const comment = encoder.encode(":\n\n");
setInterval(() => {
	for (const topic of topics.values())
		for (const stream of topic.streams) {
			if (stream.idle) write(topic, stream, comment);
			stream.idle = true;
		}
}, HEARTBEAT_MS);

// ---- HTTP ----

function beginStream(request, name) {
	const topic = topicOf(name);
	let stream;
	// A stream would else be given up after ten seconds without an event.
	server.timeout(request, 0);
	const body = new ReadableStream({
		type: "direct",
		pull(controller) {
			stream = controller;
			write(topic, stream, comment);
			topic.streams.add(stream);
			// The stream ends when this is settled.
			return new Promise((resolve) =>
				request.signal.addEventListener("abort", () => {
					topic.streams.delete(stream);
					resolve();
				}),
			);
		},
	});
	return new Response(body, {
		headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
	});
}

const server = Bun.serve({
	hostname: "127.0.0.1",
	port: 0,
	maxRequestBodySize: 1 << 20,
	async fetch(request, server) {
		const url = new URL(request.url);
		const [, first, second, third] = url.pathname.split("/");
		if (first === "ws") {
			const data = { room: second === "chat" ? url.searchParams.get("room") : null };
			if (server.upgrade(request, { data })) return undefined;
		} else if (request.method === "GET" && first === "sse" && second === "topic") {
			return beginStream(request, third);
		} else if (request.method === "POST" && first === "publish") {
			const text = await request.text();
			// Not while the publisher's socket is being read, as with uWebSockets.
			return new Promise((resolve) =>
				setImmediate(() => resolve(new Response(`${publish(second, text)}\n`))),
			);
		}
		return new Response(null, { status: 404 });
	},
	websocket: {
		perMessageDeflate: false,
		maxPayloadLength: MESSAGE_BYTES_MAX,
		backpressureLimit: OUTPUT_BYTES_MAX,
		// Its pings are sent in good time before this is over.
		idleTimeout: 32,
		sendPings: true,
		open(socket) {
			if (socket.data.room) socket.subscribe(socket.data.room);
		},
		message(socket, message) {
			if (socket.data.room) publish(socket.data.room, message.toString());
			else socket.send(message);
		},
	},
});
console.log(`listening ${server.port}`);
