// Node's http with the paths of bench/peers.py: HOST PORT THREADS. More than one thread are as many processes,
// which share the port.
"use strict";

const cluster = require("node:cluster");
const http = require("node:http");

const TEXT = "text/plain; charset=utf-8";
const BODY_BYTES_MAX = 1 << 20;
const [host, port, threads] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

const bodies = new Map([
	["/plaintext", Buffer.from("Hello, World!")],
	["/hello", Buffer.from("Hello")],
	["/large", Buffer.alloc(65536, "x")],
]);

function answer(response, body) {
	response.writeHead(200, { "content-type": TEXT, "content-length": body.length });
	response.end(body);
}

function echo(request, response) {
	const chunks = [];
	let length = 0;
	request.on("data", (chunk) => {
		length += chunk.length;
		if (length > BODY_BYTES_MAX) request.destroy();
		else chunks.push(chunk);
	});
	request.on("end", () => answer(response, Buffer.concat(chunks)));
}

function serve() {
	const server = http.createServer((request, response) => {
		const body = request.method === "GET" && bodies.get(request.url);
		if (body) answer(response, body);
		else if (request.method === "POST" && request.url === "/echo") echo(request, response);
		else response.writeHead(404, { "content-length": 0 }).end();
	});
	// Its own is 5 s, in which connections of a measurement that waits for others' turns would go.
	server.keepAliveTimeout = 60000;
	server.listen({ host, port, backlog: 4096 }, () => {
		if (!cluster.isWorker) say(server.address());
	});
}

function say(address) {
	console.log(`listening ${address.port}`);
}

function endWorkers() {
	for (const worker of Object.values(cluster.workers)) worker.process.kill();
}

// They have one port, which is said when all of them listen. None is left when this process has ended.
function serveInProcesses() {
	let silent = threads;
	let left = threads;
	cluster.on("listening", (worker, address) => {
		if (--silent === 0) say(address);
	});
	cluster.on("exit", () => {
		if (--left === 0) process.exit();
		endWorkers();
	});
	process.on("SIGTERM", endWorkers);
	for (let i = 0; i < threads; i++) cluster.fork();
}

if (threads > 1 && cluster.isPrimary) serveInProcesses();
else serve();
