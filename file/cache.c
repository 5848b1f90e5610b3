/* What a loop remembers of paths: see file/cache.h. A hash table finds an entry; two lists, of what is
 * there and of what is not, say which was asked for longest ago. They are bounded apart, so that asking
 * for things that do not exist pushes out no file. */
#include "file/cache.h"

#include "base/filebuf.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	ENTRIES_MAX_DEFAULT = 1024,
	IDLE_MS_DEFAULT = 60000,
	ABSENCES_SHARE = 4, /* one absence for so many entries */
};

enum kept {
	KEPT_THERE,  /* a file, a directory, something else */
	KEPT_ABSENT, /* an error that is an answer */
	KEPT_NOT,    /* in neither list: the first look is under way */
};

struct entry {
	struct entry *chain; /* of one hash */
	struct entry *newer, *older;
	const struct ouro_file_root *root;
	struct ouro_file *file; /* NULL: @error */
	struct pending *pending;
	uint64_t looked_ms, asked_ms;
	uint64_t hash;
	int error;
	enum kept kept;
	uint32_t path_len;
	char path[];
};

/* A look on its way, and who waits for it. Its entry stays where it is meanwhile. */
struct pending {
	struct ouro_file_look look; /* first */
	struct entry *entry;
	struct ouro_file_waiter *waiters;
};

struct list {
	struct entry *newest, *oldest;
	uint32_t count, count_max;
};

struct ouro_file_cache {
	struct ouro_file_cache_options options;
	struct list lists[KEPT_NOT];
	uint64_t seed; /* so that nobody outside knows which paths share a chain */
	uint64_t mask;
	uint32_t pending_count;
	uint32_t descriptor_count; /* of files that entries hold open */
	struct entry *table[];
};

void ouro_file_unref(struct ouro_file *file)
{
	if (!file || --file->refs > 0)
		return;
	ouro_buf_unref(file->buf);
	free(file);
}

/* ---- Entries ---- */

static uint64_t mix(uint64_t hash)
{
	hash *= 0x9e3779b97f4a7c15;
	return hash ^ hash >> 32;
}

static uint64_t hash_of(const struct ouro_file_cache *cache, const struct ouro_file_root *root,
			struct ouro_str path)
{
	uint64_t word = 0, hash = mix(cache->seed ^ (uintptr_t)root ^ path.len);

	for (; path.len >= sizeof(word); path.ptr += sizeof(word), path.len -= sizeof(word)) {
		memcpy(&word, path.ptr, sizeof(word));
		hash = mix(hash ^ word);
	}
	word = 0;
	if (path.len > 0)
		memcpy(&word, path.ptr, path.len);
	return mix(hash ^ word);
}

static struct entry *find(const struct ouro_file_cache *cache, const struct ouro_file_root *root,
			  struct ouro_str path, uint64_t hash)
{
	struct entry *entry = cache->table[hash & cache->mask];

	while (entry && (entry->hash != hash || entry->root != root ||
			 entry->path_len != path.len || memcmp(entry->path, path.ptr, path.len)))
		entry = entry->chain;
	return entry;
}

static struct entry *add(struct ouro_file_cache *cache, const struct ouro_file_root *root,
			 struct ouro_str path, uint64_t hash)
{
	struct entry *entry = malloc(sizeof(*entry) + path.len);
	struct entry **chain = &cache->table[hash & cache->mask];

	if (!entry)
		return NULL;
	*entry = (struct entry){
		.chain = *chain,
		.root = root,
		.hash = hash,
		.kept = KEPT_NOT,
		.path_len = (uint32_t)path.len,
	};
	memcpy(entry->path, path.ptr, path.len);
	*chain = entry;
	return entry;
}

static void unlink_entry(struct ouro_file_cache *cache, struct entry *entry)
{
	struct list *list;

	if (entry->kept == KEPT_NOT)
		return;
	list = &cache->lists[entry->kept];
	*(entry->newer ? &entry->newer->older : &list->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &list->oldest) = entry->newer;
	list->count--;
	entry->kept = KEPT_NOT;
}

static void link_entry(struct ouro_file_cache *cache, struct entry *entry, enum kept kept)
{
	struct list *list = &cache->lists[kept];

	entry->kept = kept;
	entry->newer = NULL;
	entry->older = list->newest;
	*(list->newest ? &list->newest->newer : &list->oldest) = entry;
	list->newest = entry;
	list->count++;
}

static bool is_open(const struct ouro_file *file)
{
	return file && ouro_buf_is_file(file->buf);
}

/* Puts @file, whose reference it takes, in the place of what @entry holds. Either may be NULL. */
static void replace_file(struct ouro_file_cache *cache, struct entry *entry, struct ouro_file *file)
{
	cache->descriptor_count += is_open(file);
	cache->descriptor_count -= is_open(entry->file);
	ouro_file_unref(entry->file);
	entry->file = file;
}

static void remove_entry(struct ouro_file_cache *cache, struct entry *entry)
{
	struct entry **chain = &cache->table[entry->hash & cache->mask];

	assert(!entry->pending);
	while (*chain != entry)
		chain = &(*chain)->chain;
	*chain = entry->chain;
	unlink_entry(cache, entry);
	replace_file(cache, entry, NULL);
	free(entry);
}

/* Makes room for one more in the list of @kept; entries that are being looked at stay, and are few. */
static void make_room(struct ouro_file_cache *cache, enum kept kept)
{
	struct list *list = &cache->lists[kept];
	struct entry *entry = list->oldest;

	while (entry && (list->count >= list->count_max ||
			 cache->descriptor_count > cache->options.descriptors_max)) {
		struct entry *newer = entry->newer;

		if (!entry->pending)
			remove_entry(cache, entry);
		entry = newer;
	}
}

static void keep(struct ouro_file_cache *cache, struct entry *entry, enum kept kept)
{
	unlink_entry(cache, entry);
	make_room(cache, kept);
	link_entry(cache, entry, kept);
}

/* ---- What looks found ---- */

/* Whether an error says what is at a path, and not how the machine does. */
static bool is_answer(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -EACCES || error == -ELOOP ||
	       error == -EXDEV || error == -ENAMETOOLONG;
}

/* A file of what @look found, whose buffer it takes over; NULL when out of memory. */
static struct ouro_file *make_file(const struct ouro_file_cache *cache, struct ouro_file_look *look)
{
	struct ouro_file *file = calloc(1, sizeof(*file) + cache->options.note_bytes);

	if (!file) {
		ouro_buf_unref(look->buf);
		return NULL;
	}
	file->refs = 1;
	file->young = look->young;
	file->stat = look->stat;
	file->buf = look->buf;
	return file;
}

/* Remembers in @entry what @look found. 0 or a negative errno that is the answer to all who asked;
 * where that is not for long the entry is in neither list. */
static int learn(struct ouro_file_cache *cache, struct entry *entry, struct ouro_file_look *look,
		 uint64_t now_ms)
{
	entry->looked_ms = now_ms;
	entry->asked_ms = now_ms;
	entry->error = look->error;
	if (look->error)
		replace_file(cache, entry, NULL);
	if (!look->error && !look->same) {
		replace_file(cache, entry, make_file(cache, look));
		if (!entry->file)
			entry->error = -ENOMEM;
	}
	if (entry->file)
		keep(cache, entry, KEPT_THERE);
	else if (is_answer(entry->error))
		keep(cache, entry, KEPT_ABSENT);
	else
		unlink_entry(cache, entry);
	return entry->error;
}

static void prepare(const struct ouro_file_cache *cache, const struct entry *entry,
		    const struct ouro_file_root *root, struct ouro_str path,
		    struct ouro_file_look *look)
{
	*look = (struct ouro_file_look){
		.root = root,
		.path = path,
		.memory_bytes_max = cache->options.memory_bytes_max,
	};
	if (entry && entry->file) {
		look->known = entry->file->stat;
		look->known_young = entry->file->young;
	}
}

/* ---- The interface ---- */

int ouro_file_cache_create(struct ouro_file_cache **out,
			   const struct ouro_file_cache_options *options)
{
	uint32_t count_max = options->entries_max ? options->entries_max : ENTRIES_MAX_DEFAULT;
	uint32_t absent_max = count_max / ABSENCES_SHARE + 1;
	struct ouro_file_cache *cache;
	uint64_t room = 16;

	while (room < (uint64_t)count_max + absent_max)
		room *= 2;
	cache = calloc(1, sizeof(*cache) + room * sizeof(cache->table[0]));
	if (!cache)
		return -ENOMEM;
	cache->options = *options;
	if (!options->idle_ms)
		cache->options.idle_ms = IDLE_MS_DEFAULT;
	if (!options->descriptors_max)
		cache->options.descriptors_max = count_max;
	cache->mask = room - 1;
	cache->lists[KEPT_THERE].count_max = count_max;
	cache->lists[KEPT_ABSENT].count_max = absent_max;
	/* Without it chains can be made longer, by an amount that the lists' bounds limit. */
	if (getrandom(&cache->seed, sizeof(cache->seed), GRND_NONBLOCK) < 0)
		cache->seed = (uintptr_t)cache;
	*out = cache;
	return 0;
}

void ouro_file_cache_destroy(struct ouro_file_cache *cache)
{
	if (!cache)
		return;
	assert(cache->pending_count == 0);
	for (int kept = 0; kept < KEPT_NOT; kept++)
		while (cache->lists[kept].oldest)
			remove_entry(cache, cache->lists[kept].oldest);
	free(cache);
}

/* Looks at @path at once, if that is possible, and remembers what is there. */
static int look_now(struct ouro_file_cache *cache, struct entry *entry,
		    const struct ouro_file_root *root, struct ouro_str path, uint64_t hash,
		    uint64_t now_ms, struct ouro_file **file)
{
	struct ouro_file_look look;
	int err = ouro_file_path_check(root, path);

	if (err)
		return err;
	prepare(cache, entry, root, path, &look);
	ouro_file_look_run(&look, true);
	if (look.error == -EAGAIN)
		return -EAGAIN;
	if (!entry)
		entry = add(cache, root, path, hash);
	if (!entry) {
		ouro_buf_unref(look.buf);
		return -ENOMEM;
	}
	err = learn(cache, entry, &look, now_ms);
	*file = entry->file;
	if (entry->kept == KEPT_NOT)
		remove_entry(cache, entry);
	return err;
}

int ouro_file_cache_get(struct ouro_file_cache *cache, const struct ouro_file_root *root,
			struct ouro_str path, uint64_t now_ms, struct ouro_file **file)
{
	uint64_t hash = hash_of(cache, root, path);
	struct entry *entry = find(cache, root, path, hash);

	if (!entry || entry->kept == KEPT_NOT ||
	    now_ms - entry->looked_ms >= cache->options.revalidate_ms) {
		if (entry && entry->pending)
			return -EAGAIN;
		return look_now(cache, entry, root, path, hash, now_ms, file);
	}
	entry->asked_ms = now_ms;
	if (entry->newer)
		keep(cache, entry, entry->kept);
	*file = entry->file;
	return entry->error;
}

static struct pending *begin_look(struct ouro_file_cache *cache, struct entry *entry)
{
	struct pending *pending = malloc(sizeof(*pending));

	if (!pending)
		return NULL;
	prepare(cache, entry, entry->root, (struct ouro_str){ entry->path, entry->path_len },
		&pending->look);
	pending->entry = entry;
	pending->waiters = NULL;
	entry->pending = pending;
	cache->pending_count++;
	return pending;
}

static void end_look(struct ouro_file_cache *cache, struct pending *pending)
{
	pending->entry->pending = NULL;
	cache->pending_count--;
}

int ouro_file_cache_wait(struct ouro_file_cache *cache, const struct ouro_file_root *root,
			 struct ouro_str path, struct ouro_file_waiter *waiter,
			 struct ouro_file_look **look)
{
	uint64_t hash = hash_of(cache, root, path);
	struct entry *entry = find(cache, root, path, hash);
	struct pending *pending;

	*look = NULL;
	if (!entry)
		entry = add(cache, root, path, hash);
	if (!entry)
		return -ENOMEM;
	pending = entry->pending;
	if (!pending) {
		pending = begin_look(cache, entry);
		if (!pending)
			goto remove_new;
		*look = &pending->look;
	}
	waiter->next = pending->waiters;
	waiter->link = &pending->waiters;
	if (waiter->next)
		waiter->next->link = &waiter->next;
	pending->waiters = waiter;
	return 0;

remove_new:
	if (entry->kept == KEPT_NOT)
		remove_entry(cache, entry);
	return -ENOMEM;
}

void ouro_file_cache_leave(struct ouro_file_waiter *waiter)
{
	*waiter->link = waiter->next;
	if (waiter->next)
		waiter->next->link = waiter->link;
}

void ouro_file_cache_settle(struct ouro_file_cache *cache, struct ouro_file_look *look,
			    uint64_t now_ms)
{
	struct pending *pending = (struct pending *)(void *)look;
	struct entry *entry = pending->entry;
	struct ouro_file *file = NULL;
	int err;

	end_look(cache, pending);
	err = learn(cache, entry, look, now_ms);
	/* Those who are called may use the cache, and the entry may go. */
	if (!err)
		file = ouro_file_ref(entry->file);
	if (entry->kept == KEPT_NOT)
		remove_entry(cache, entry);
	while (pending->waiters) {
		struct ouro_file_waiter *waiter = pending->waiters;

		ouro_file_cache_leave(waiter);
		waiter->on_known(waiter, err, file);
	}
	ouro_file_unref(file);
	free(pending);
}

void ouro_file_cache_withdraw(struct ouro_file_cache *cache, struct ouro_file_look *look)
{
	struct pending *pending = (struct pending *)(void *)look;
	struct entry *entry = pending->entry;

	assert(pending->waiters && !pending->waiters->next);
	end_look(cache, pending);
	if (entry->kept == KEPT_NOT)
		remove_entry(cache, entry);
	free(pending);
}

void ouro_file_cache_trim(struct ouro_file_cache *cache, uint64_t now_ms)
{
	for (int kept = 0; kept < KEPT_NOT; kept++) {
		struct entry *entry = cache->lists[kept].oldest;

		while (entry && now_ms - entry->asked_ms >= cache->options.idle_ms) {
			struct entry *newer = entry->newer;

			if (!entry->pending)
				remove_entry(cache, entry);
			entry = newer;
		}
	}
}

uint32_t ouro_file_cache_count(const struct ouro_file_cache *cache)
{
	return cache->lists[KEPT_THERE].count + cache->lists[KEPT_ABSENT].count;
}
