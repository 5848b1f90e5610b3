/* Counters: written by one loop with plain adds, read by any thread, summed over loops by whoever
 * shows them. They only grow; what is a level is kept as two of them (opened and closed). */
#ifndef OURO_BASE_COUNTERS_H
#define OURO_BASE_COUNTERS_H

#include <stdint.h>

#define OURO_COUNTERS(X)                                                                           \
	X(turns, "loop turns")                                                                     \
	X(connections_accepted, "connections accepted")                                            \
	X(connections_closed, "connections closed")                                                \
	X(connections_refused, "connections refused over connections_max")                         \
	X(accept_errors, "accept failures that made a listener back off")                          \
	X(requests, "requests whose head was parsed")                                              \
	X(responses, "responses begun")                                                            \
	X(responses_4xx, "responses begun with a 4xx status")                                      \
	X(responses_5xx, "responses begun with a 5xx status")                                      \
	X(timeouts, "connections ended by a timeout")                                              \
	X(handler_timeouts, "handlers that ran into handler_timeout_ms")                           \
	X(fibers_refused, "requests refused over fibers_max")                                      \
	X(panics, "handlers, hooks and callbacks that panicked")                                   \
	X(ws_upgrades, "connections that became WebSockets")                                       \
	X(ws_messages_in, "WebSocket messages received")                                           \
	X(ws_messages_out, "WebSocket messages sent")                                              \
	X(ws_room_messages_out, "WebSocket messages sent that rooms brought")                      \
	X(ws_messages_dropped, "WebSocket messages that slow clients have lost")                   \
	X(bytes_received, "bytes received")                                                        \
	X(bytes_sent, "bytes taken by the kernel")                                                 \
	X(bytes_copied, "payload and head bytes moved in memory")                                  \
	X(bytes_zero_copy,                                                                         \
	  "bytes sent or received without having been in the program's memory, or from "           \
	  "it without the kernel's copy")                                                          \
	X(bytes_rendered, "response head and small body bytes written into output buffers")        \
	X(bytes_compressed_in, "response body bytes given to an encoder")                          \
	X(bytes_compressed_out, "response body bytes that came of them")                           \
	X(events_sent, "events taken by event streams, those that were dropped later too")         \
	X(events_dropped, "events that slow clients have lost")                                    \
	X(receive_starved, "receives that waited for a free buffer")                               \
	X(file_reads,                                                                              \
	  "pieces of files that were read ahead by another thread before they were sent")          \
	X(sends_direct, "sends made by the loop itself")                                           \
	X(sends_queued, "sends handed to the ring")                                                \
	X(sends_zero_copy, "zero-copy sends")                                                      \
	X(sends_zero_copy_copied, "zero-copy sends that the kernel copied all the same")

struct ouro_counters {
#define OURO_COUNTER_FIELD(name, help) uint64_t name;
	OURO_COUNTERS(OURO_COUNTER_FIELD)
#undef OURO_COUNTER_FIELD
};

/* Only the owning thread adds, so a relaxed load and store are enough and cost no lock. */
static inline void ouro_counter_add(uint64_t *counter, uint64_t amount)
{
	uint64_t value = __atomic_load_n(counter, __ATOMIC_RELAXED);

	__atomic_store_n(counter, value + amount, __ATOMIC_RELAXED);
}

static inline uint64_t ouro_counter_get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
