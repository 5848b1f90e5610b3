/* Counts what the engine and the server take, and leaves out what the simulated kernel does: under
 * callgrind, instructions are collected only in a turn of the loop, and there not between a call to
 * the backend and its return, but for what the backend calls. */
#ifndef OURO_BENCH_GUARD_APART_H
#define OURO_BENCH_GUARD_APART_H

#include "support/sim.h"

/* Puts itself before the simulated backend of @loop, which rests. One loop at a time. */
void apart_begin(struct ouro_loop *loop);

/* Takes itself away again. The loop rests. */
void apart_end(struct ouro_loop *loop);

/* One turn of @loop that does not sleep, and what it took is counted. */
void apart_turn(struct ouro_loop *loop);

#endif
