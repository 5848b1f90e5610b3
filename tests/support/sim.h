/* The simulated backend: a kernel of its own, with a seeded random source, a clock that moves only
 * when it is told to, and faults on demand. The test is the peer of every connection.
 *
 * It keeps the contract of engine/backend.h, using all the freedom that leaves, and it checks its
 * callers: a broken rule ends the process with a sentence that says which. One can be open at a
 * time. Descriptors are numbers of its own that are never used twice; the calls that the engine
 * makes on descriptors itself are led here by the linker (sim_calls.c). */
#ifndef OURO_TESTS_SIM_H
#define OURO_TESTS_SIM_H

#include "engine/loop.h"

/* The one listening socket; it is there as soon as the backend is open. */
#define SIM_LISTENER_FD (1 << 24)

/* How the simulated kernel behaves. Chances are in 1000; zero is the calm one. */
struct sim_settings {
	uint64_t seed;
	uint16_t short_recv; /* a receive brings fewer bytes than there are */
	uint16_t eager_recv; /* a receive of what is there already is finished by its submission */
	uint16_t short_send; /* a send takes fewer bytes than there is room for */
	uint16_t later_send; /* a send that could finish at once is answered by wait */
	uint16_t settle;     /* the loop may act on what a completion led to before the next one */
	uint16_t delay;      /* a completion waits for another turn */
	uint16_t early_wake; /* wait ends before its deadline with nothing to show */
	uint16_t multishot_end; /* a completion of many is the final one */
	uint16_t starve;        /* a receive finds no buffer though there are some */
	uint16_t cancel_race;   /* what is cancelled still brings what it had */
	uint16_t reset;         /* the peer resets when something is sent to it */
	uint16_t copied;        /* a zero-copy send was copied after all */
	bool shuffle;           /* completions of different operations come in any order */
	bool zero_copy;         /* OURO_OP_SEND_ZC can be submitted */
	bool remote;            /* peers are on another machine */
	bool hold_notices;      /* zero-copy notifications wait for sim_release_notices() */
	int zero_copy_error;    /* every zero-copy send fails with it, a negative errno; 0: none */
	size_t window;          /* bytes that wait for a peer that does not read; 0: 64 KiB */
};

struct sim_counts {
	uint64_t waits, accepts, recvs, sends, zero_copy_sends, polls, cancels, closes;
};

struct sim;
struct sim_peer;

extern const struct ouro_backend_ops ouro_backend_sim;

/* Ends the process: a rule of the backend interface was broken, or of the test's own. */
void sim_fail(const char *format, ...) OURO_PRINTF(1, 2) __attribute__((noreturn));

/* Settings of the backend that is opened next; without, it is calm. */
void sim_prepare(const struct sim_settings *settings);

/* Settings in which everything goes wrong as often as @seed says. */
struct sim_settings sim_wild(uint64_t seed);

/* The open backend of @loop. */
struct sim *sim_of(const struct ouro_loop *loop);

/* Replaces the settings but for the seed. */
void sim_change(struct sim *sim, const struct sim_settings *settings);

const struct sim_counts *sim_counts(const struct sim *sim);

/* A number below @bound (> 0) from the backend's random source. */
uint32_t sim_random(struct sim *sim, uint32_t bound);

/* The next @count accepts fail with @error (a negative errno). */
void sim_fail_accepts(struct sim *sim, int error, uint32_t count);

/* Lets held notifications come, and no more be held. */
void sim_release_notices(struct sim *sim);

/* While @on, other threads that splice from a connection's descriptor stay within the call, and how
 * many do. The test lets them go, and lets them end before it does anything else to the connection's
 * other side. */
void sim_hold_splices(bool on);
uint32_t sim_held_splices(void);

/* Turns @loop until nothing more happens at the present time. */
void sim_settle(struct ouro_loop *loop);

/* Turns @loop while its clock moves on by @ms, from deadline to deadline. */
void sim_advance(struct ouro_loop *loop, uint32_t ms);

/* Moves the clock on by @ms without a turn: all that was due meanwhile is due at once in the next. */
void sim_skip(struct sim *sim, uint32_t ms);

/* ---- Peers; they live until the backend closes ---- */

/* Connects to the listening socket; the connection waits to be accepted. */
struct sim_peer *sim_connect(struct sim *sim);

/* The peer of a connection that is open already; its other end is @fd. It may also be one that is
 * only polled: it can be read when the peer has sent something or ended, written unless
 * sim_peer_fill() took all room. */
struct sim_peer *sim_pair(struct sim *sim, int *fd);

/* Takes the whole window: what is polled cannot be written until the peer reads. */
void sim_peer_fill(struct sim_peer *peer);

/* Sends bytes. False where the other side is closed: the peer is then reset. */
bool sim_peer_send(struct sim_peer *peer, const char *data, size_t len);
bool sim_peer_say(struct sim_peer *peer, const char *text);

/* Says that no more will be sent, or ends the connection with a reset. */
void sim_peer_fin(struct sim_peer *peer);
void sim_peer_reset(struct sim_peer *peer);

/* Whether the peer reads what comes at once, as it does at first, and otherwise: takes up to @bytes
 * of what is waiting. Returns how many. */
void sim_peer_set_reading(struct sim_peer *peer, bool on);
size_t sim_peer_read(struct sim_peer *peer, size_t bytes);

/* What the peer has read so far, until it forgets. Valid until more comes. */
struct ouro_str sim_peer_received(const struct sim_peer *peer);
void sim_peer_forget(struct sim_peer *peer);

/* Bytes that the peer sent and nobody has received yet. */
size_t sim_peer_unread(const struct sim_peer *peer);

/* What the peer has seen of the other side. */
bool sim_peer_is_accepted(const struct sim_peer *peer);
bool sim_peer_saw_end(const struct sim_peer *peer);        /* FIN */
bool sim_peer_saw_reset(const struct sim_peer *peer);      /* what had not been read is lost */
bool sim_peer_is_corked(const struct sim_peer *peer);      /* segments that are not full wait ... */
uint32_t sim_peer_cork_count(const struct sim_peer *peer); /* ... and how often that was begun */
bool sim_peer_is_over(const struct sim_peer *peer);        /* either, and the socket is closed */

#endif
