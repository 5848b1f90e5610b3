/* What spreads a hub's messages over more than one process, and how it speaks with the hub.
 *
 * With a backend the hub orders nothing itself: what is published goes to the backend, which
 * gives it an id, the same everywhere, and brings it back here as to every other process. The
 * ring of a topic is then the latest part of what all have published, whichever process a client
 * comes back to. */
#ifndef OURO_HUB_BACKEND_H
#define OURO_HUB_BACKEND_H

#include "hub/hub.h"

/* Calls down. Any thread, want and unwant with a lock of the hub held, so that none of them may
 * wait or call the hub. */
struct ouro_hub_backend_ops {
	/* Sends @message, which has no id yet, to all who have @topic; it is referenced. 0;
	 * -ENOBUFS: too much is on its way; -ENOMEM. */
	int (*publish)(struct ouro_hub_backend *backend, struct ouro_str topic,
		       struct ouro_hub_message *message);
	/* From now on the hub has the topic: it is to be loaded, and what is published is to
	 * arrive. 0, with what the backend knows it by in @follow; or -ENOMEM, and then the
	 * hub has it not. */
	int (*want)(struct ouro_hub_backend *backend, struct ouro_str topic, void **follow);
	/* It has it no more. What still arrives is dropped. */
	void (*unwant)(struct ouro_hub_backend *backend, void *follow);
	/* Somebody has come who has had more than the hub knows of: all that there is now is to
	 * arrive, then ouro_hub_refreshed() is to be called with @number, or with that of a later
	 * call. */
	void (*refresh)(struct ouro_hub_backend *backend, void *follow, uint32_t number);
};

/* Embedded in the backend. */
struct ouro_hub_backend {
	const struct ouro_hub_backend_ops *ops;
};

/* Calls up, by one thread at a time. */

/* @message, with its id, came after that of the id @before in @topic; it is referenced. The hub
 * finds out by @before whether something is missing. One that it has had is dropped. 0; -ENOENT:
 * the hub does not have the topic; -ENOMEM, -ENOSPC or -EMSGSIZE: it could not be kept, and is missing. */
int ouro_hub_arrive(struct ouro_hub *hub, struct ouro_str topic, struct ouro_hub_message *message,
		    struct ouro_hub_id before);

/* All that the backend still has of the topic, or as much as the hub keeps, has arrived: from
 * here on subscribers are served. Nothing happens where they are already. */
void ouro_hub_loaded(struct ouro_hub *hub, struct ouro_str topic);

/* The backend has lost what it had of the topic, and its ids have begun anew, maybe with lesser ones
 * than there were. What there is arrives next, then ouro_hub_loaded() is called: whoever is subscribed
 * is told of a gap then, and given what there is. */
void ouro_hub_restart(struct ouro_hub *hub, struct ouro_str topic);

/* All has arrived that the backend had when it was asked to refresh by @number. Who has come with an id
 * that is still greater has it from before the backend lost all: a gap. */
void ouro_hub_refreshed(struct ouro_hub *hub, struct ouro_str topic, uint32_t number);

/* How many messages of a topic the hub keeps for those who come back. */
uint32_t ouro_hub_replay_count(const struct ouro_hub *hub);

#endif
