/* What is at paths, as a loop remembers it: files open or in memory, directories, and that there is
 * nothing. What it remembers is looked at again when it was not for a while, by one look however many
 * wait for it. Where that may need a disk it is another thread's: the cache says when, and who uses it
 * has it done, so that the loop never waits.
 *
 * A cache belongs to one loop and is touched by its thread only. */
#ifndef OURO_FILE_CACHE_H
#define OURO_FILE_CACHE_H

#include "file/look.h"

struct ouro_file_cache;

/* Every zero but revalidate_ms, memory_bytes_max and note_bytes is replaced by a default. */
struct ouro_file_cache_options {
	uint32_t entries_max;      /* 1024 files and directories; a quarter as many absences */
	uint32_t revalidate_ms;    /* how long what was seen is believed; 0: looked at each time */
	uint32_t descriptors_max;  /* of the files, how many may be open; as many as there are */
	uint32_t idle_ms;          /* 60000: what nobody asks for so long is closed */
	uint32_t memory_bytes_max; /* files up to that size are held in memory */
	uint32_t note_bytes;       /* of each file's note */
};

/* A regular file, a directory, or something else that nobody opens. Never changes: what is found at a
 * path later is another one. Its memory, its buffer included, lives until the last reference goes. */
struct ouro_file {
	uint32_t refs;
	bool young; /* see struct ouro_file_look */
	struct ouro_file_stat stat;
	struct ouro_buf *buf; /* of a regular file; see base/filebuf.h */
	/* The user's, zero at first: what it has worked out about the file. */
	_Alignas(8) unsigned char note[];
};

static inline struct ouro_file *ouro_file_ref(struct ouro_file *file)
{
	file->refs++;
	return file;
}

void ouro_file_unref(struct ouro_file *file);

/* Who waits for a look; in memory of its own until called, or until it leaves. */
struct ouro_file_waiter {
	/* @error is 0, and @file what is there, borrowed for the call; or a negative errno. */
	void (*on_known)(struct ouro_file_waiter *waiter, int error, struct ouro_file *file);
	struct ouro_file_waiter *next, **link; /* the cache's */
};

int ouro_file_cache_create(struct ouro_file_cache **cache,
			   const struct ouro_file_cache_options *options);

/* Frees all; NULL is nothing. No look is under way and nobody waits. */
void ouro_file_cache_destroy(struct ouro_file_cache *cache);

/* What is at @path beneath @root, which lives as long as the cache, at @now_ms of a clock that only goes
 * forward. 0, with @file borrowed until the cache is next called; or a negative errno, remembered or
 * new, as ouro_beneath_look() gives it. -EAGAIN: only ouro_file_cache_wait() can tell. */
int ouro_file_cache_get(struct ouro_file_cache *cache, const struct ouro_file_root *root,
			struct ouro_str path, uint64_t now_ms, struct ouro_file **file);

/* Has @waiter called when it is known what is at @path, after ouro_file_cache_get() said -EAGAIN. 0 or
 * -ENOMEM. Where @look is not NULL then, nobody looks yet: the caller has ouro_file_look_run() called with
 * it on a thread that may wait, without @cached, and then ouro_file_cache_settle(). */
int ouro_file_cache_wait(struct ouro_file_cache *cache, const struct ouro_file_root *root,
			 struct ouro_str path, struct ouro_file_waiter *waiter,
			 struct ouro_file_look **look);

/* @waiter does not want to be called any more. The look goes on. */
void ouro_file_cache_leave(struct ouro_file_waiter *waiter);

/* @look has run: remembers what it found and calls all who wait. The look is gone. From the loop. */
void ouro_file_cache_settle(struct ouro_file_cache *cache, struct ouro_file_look *look,
			    uint64_t now_ms);

/* @look, just given by ouro_file_cache_wait(), cannot be run: takes it and its one waiter back, which is
 * not called. */
void ouro_file_cache_withdraw(struct ouro_file_cache *cache, struct ouro_file_look *look);

/* Forgets what nobody has asked for in idle_ms. Called now and then. */
void ouro_file_cache_trim(struct ouro_file_cache *cache, uint64_t now_ms);

/* How many files, directories and absences are remembered. */
uint32_t ouro_file_cache_count(const struct ouro_file_cache *cache);

#endif
