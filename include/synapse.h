/* Synapse as a C library: load a model, turn text into tokens, read them, choose the next.
 *
 *   Handles     syn_model and syn_session are opaque. The library allocates them, syn_*_free gives them back.
 *   Errors      Every function that can fail returns a syn_status and takes a syn_error* of the caller (NULL: not
 *               interested), which gets a message that names the thing, what was found and what was wanted. Bad
 *               arguments are SYN_ERROR_INVALID. On an error nothing is created and no result is written, but for
 *               the counts and plans that say so. The library never prints, exits or raises a signal.
 *   Buffers     Results go to memory of the caller. A function that fills `out` of `capacity` elements always writes
 *               to *n how many there are; when that is more than fits it returns SYN_ERROR_TOO_SMALL and leaves `out`
 *               alone, so capacity 0 with out NULL asks for the size. Texts are UTF-8; a NUL follows the *n bytes of
 *               a text, and capacity must have room for it (*n + 1).
 *   Options     A struct that begins with struct_size may grow in later versions. Fill it with its syn_*_default
 *               function, which sets that field, then change what you like. NULL means the defaults. A result
 *               struct wants struct_size set before the call; no more than that is written.
 *   Threads     A model may be used from any number of threads at once. A session is used by one thread at a time;
 *               a second caller gets SYN_ERROR_BUSY, as does a callback that calls its own session.
 *               syn_session_cancel may be called from any thread, any callback and from a signal handler. There is no
 *               state outside the handles.
 *   Callbacks   run on the thread that called, and must return: no longjmp and no C++ exception may leave them.
 *
 * docs/embed.md has the whole story: building, memory, cancelling, and what stays compatible.
 */
#ifndef SYNAPSE_H
#define SYNAPSE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SYN_API __attribute__((visibility("default")))
#else
#define SYN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------- versions */

/* Rises when a program that was compiled against an older header would break. A program that finds
 * syn_abi_version() != SYN_ABI_VERSION was given the wrong library. */
#define SYN_ABI_VERSION 1
SYN_API int32_t syn_abi_version(void);
SYN_API const char* syn_version(void); /* "0.1.0"; static */

/* --------------------------------------------------------------------------------------------------- errors */

typedef int32_t syn_status;
enum {
  SYN_OK = 0,
  SYN_ERROR_INVALID = 1,     /* an argument or a prompt is wrong */
  SYN_ERROR_NOT_FOUND = 2,   /* a file, a key, a name */
  SYN_ERROR_CORRUPT = 3,     /* a file contradicts itself or its format */
  SYN_ERROR_UNSUPPORTED = 4, /* well formed, but not something this version runs */
  SYN_ERROR_MEMORY = 5,      /* the budget or the system has too little */
  SYN_ERROR_IO = 6,          /* the operating system or a write callback refused */
  SYN_ERROR_CANCELLED = 7,   /* as was asked for */
  SYN_ERROR_TOO_SMALL = 8,   /* the caller's buffer; *n says what is wanted */
  SYN_ERROR_BUSY = 9         /* another call is using this session */
};

typedef struct syn_error {
  int32_t code;      /* the syn_status that was returned; SYN_OK after a success */
  char message[508]; /* NUL-terminated; "" after a success */
} syn_error;

/* "corrupt" for SYN_ERROR_CORRUPT; "unknown" for what is no status. Static. */
SYN_API const char* syn_status_name(syn_status status);

/* ---------------------------------------------------------------------------------------------------- models */

typedef struct syn_model syn_model;
typedef struct syn_session syn_session;

enum { SYN_LOG_INFO = 1, SYN_LOG_WARNING = 2 };
/* One line without a line break, valid during the call. May come from any thread that uses the model. */
typedef void (*syn_log_fn)(void* user, int32_t level, const char* text);

/* Bytes of the weights in memory so far, and in all. A value other than 0 ends the load: SYN_ERROR_CANCELLED. */
typedef int (*syn_progress_fn)(void* user, uint64_t bytes_done, uint64_t bytes_total);

typedef struct syn_model_options {
  size_t struct_size;
  uint64_t memory_budget;   /* bytes of weights, tables and all sessions together; 0: no limit */
  const char* isa;          /* "scalar", "avx2", "neon" ...; NULL: the best of this processor */
  int32_t n_threads;        /* of a session, itself included, 1 to 256; 0: one for each core granted to the process */
  int32_t preload;          /* 1: the weights are read before the load returns; 0: page by page when first used */
  syn_progress_fn progress; /* about every MiB of preload; may be NULL */
  void* progress_user;
  syn_log_fn log; /* remarks of this model and its sessions; may be NULL */
  void* log_user;
} syn_model_options;
SYN_API void syn_model_options_default(syn_model_options* options, size_t struct_size);

/* Loads a GGUF file; of a split one (NAME-00001-of-0000N.gguf) any part, all lying in one folder. Files stay mapped
 * until the model goes: do not shorten them meanwhile. *model is NULL after an error. */
SYN_API syn_status syn_model_load(const char* path, const syn_model_options* options, syn_model** model,
                                  syn_error* error);

/* The same from `size` bytes of a whole GGUF file, at an address that is a multiple of 8. They are not copied: they
 * must stay and not change until the model and its sessions are gone. */
SYN_API syn_status syn_model_load_memory(const void* data, size_t size, const syn_model_options* options,
                                         syn_model** model, syn_error* error);

/* Gives the caller's hold back; the memory goes with the last session. NULL is fine. */
SYN_API void syn_model_free(syn_model* model);

typedef struct syn_model_info {
  size_t struct_size;
  uint64_t n_weight_bytes;
  int32_t n_vocab;       /* V, the number of logits */
  int32_t n_ctx;         /* positions the model was made for */
  int32_t n_layers;
  int32_t dim;           /* C, of the residual stream */
  int32_t has_tokenizer; /* 0: only ids can be used */
  int32_t bos_id;        /* the token that begins a text; -1: none */
  int32_t eos_id;        /* the one that ends it; -1: none. syn_token_is_end knows all that do */
  int32_t n_meta;        /* metadata entries */
} syn_model_info;
SYN_API syn_status syn_model_get_info(const syn_model* model, syn_model_info* info, syn_error* error);

/* The key of metadata entry `index`, 0 .. n_meta - 1. */
SYN_API syn_status syn_model_meta_key(const syn_model* model, int32_t index, char* out, size_t capacity, size_t* n,
                                      syn_error* error);
/* The value of a key as text: "general.name", "general.license", "{arch}.context_length" ({arch} stands for the
 * architecture). Numbers in decimal, booleans as true and false; an array is SYN_ERROR_UNSUPPORTED. */
SYN_API syn_status syn_model_meta_text(const syn_model* model, const char* key, char* out, size_t capacity, size_t* n,
                                       syn_error* error);
/* The Jinja source of the model's chat template; `name` picks one of several, NULL the default one. */
SYN_API syn_status syn_model_chat_template(const syn_model* model, const char* name, char* out, size_t capacity,
                                           size_t* n, syn_error* error);

/* ---------------------------------------------------------------------------------------------------- tokens */

enum {
  SYN_ADD_SPECIAL = 1,   /* encode: the tokens the model wants around a text (BOS ...) */
  SYN_PARSE_SPECIAL = 2, /* encode: control tokens spelled in the text become their ids. Not for text of strangers */
  SYN_SHOW_SPECIAL = 4   /* decode: control tokens show as their names */
};

/* Text to ids. `flags` of the SYN_*_SPECIAL above; text may hold NULs. */
SYN_API syn_status syn_tokenize(const syn_model* model, const char* text, size_t text_size, uint32_t flags,
                                int32_t* out, size_t capacity, size_t* n, syn_error* error);

/* Ids to text. What is not valid UTF-8 shows as U+FFFD. */
SYN_API syn_status syn_detokenize(const syn_model* model, const int32_t* ids, size_t n_ids, uint32_t flags, char* out,
                                  size_t capacity, size_t* n, syn_error* error);

/* A buffer of so many bytes always suffices for syn_token_piece and for a step of a syn_decoder. 0 without tokenizer. */
SYN_API size_t syn_model_piece_capacity(const syn_model* model);

/* The bytes of one token, which may end inside a character. Wants capacity >= syn_model_piece_capacity. */
SYN_API syn_status syn_token_piece(const syn_model* model, int32_t id, uint32_t flags, char* out, size_t capacity,
                                   size_t* n, syn_error* error);

/* 1 when this id ends a generation, else 0. */
SYN_API int32_t syn_token_is_end(const syn_model* model, int32_t id);

/* Ids to text one by one, valid UTF-8 at every step: a character that is not complete waits for the next token. The
 * struct is the caller's; start it before the first push. Both want capacity >= syn_model_piece_capacity. */
typedef struct syn_decoder {
  uint64_t opaque[16];
} syn_decoder;
SYN_API syn_status syn_decoder_start(syn_decoder* decoder, const syn_model* model, uint32_t flags, syn_error* error);
SYN_API syn_status syn_decoder_push(syn_decoder* decoder, int32_t id, char* out, size_t capacity, size_t* n,
                                    syn_error* error);
/* What waits, as U+FFFD; then the decoder is as it was at its start. */
SYN_API syn_status syn_decoder_finish(syn_decoder* decoder, char* out, size_t capacity, size_t* n, syn_error* error);

/* -------------------------------------------------------------------------------------------------- sessions */

enum { SYN_TYPE_AUTO = 0, SYN_TYPE_F32 = 1, SYN_TYPE_F16 = 2, SYN_TYPE_Q8_0 = 3, SYN_TYPE_Q4_0 = 4 };

typedef struct syn_session_options {
  size_t struct_size;
  int32_t n_ctx;        /* positions; 0: as many as the budget allows, at most the model's */
  int32_t n_batch;      /* rows of a prompt that are read at once */
  int32_t n_threads;    /* 0: as the model's options say */
  int32_t cache_type_k; /* SYN_TYPE_*; auto: f32 where the cache is small or the model is f32, else f16.
                           Q8_0 and Q4_0 want heads of a multiple of 32 numbers */
  int32_t cache_type_v;
} syn_session_options;
SYN_API void syn_session_options_default(syn_session_options* options, size_t struct_size);

typedef struct syn_plan {
  size_t struct_size;
  uint64_t weight_bytes;  /* shared by all sessions of the model */
  uint64_t table_bytes;   /* tokenizer and the model's tables, shared too */
  uint64_t cache_bytes;   /* keys and values of the whole context */
  uint64_t scratch_bytes; /* activations, logits, ids */
  uint64_t total_bytes;
  int32_t n_ctx; /* the context that this is for */
} syn_plan;

/* What one session of this file will take, before any weight is read. A plan beyond the memory budget is
 * SYN_ERROR_MEMORY, and *plan is filled nevertheless. */
SYN_API syn_status syn_plan_file(const char* path, const syn_model_options* options,
                                 const syn_session_options* session, syn_plan* plan, syn_error* error);
/* The same of a loaded model, beside the sessions that it has. */
SYN_API syn_status syn_plan_session(const syn_model* model, const syn_session_options* options, syn_plan* plan,
                                    syn_error* error);

/* A stream of tokens with a cache and threads of its own: any number of a model, on as many threads. Holds the model.
 * Threads that have nothing to do sleep. *session is NULL after an error. */
SYN_API syn_status syn_session_create(syn_model* model, const syn_session_options* options, syn_session** session,
                                      syn_error* error);
SYN_API void syn_session_free(syn_session* session); /* NULL is fine; no call may be using it */

/* Reads tokens after what was read before. All or nothing: after an error the session stands where it stood. */
SYN_API syn_status syn_session_feed(syn_session* session, const int32_t* ids, size_t n_ids, syn_error* error);

/* The logits (V) after the last token: memory of the session, valid until its next call. */
SYN_API syn_status syn_session_logits(syn_session* session, const float** logits, size_t* n, syn_error* error);

enum { /* of the sampler; docs/sampling.md has the formulas */
  SYN_STAGE_PENALTIES = 0,
  SYN_STAGE_DRY = 1,
  SYN_STAGE_TOP_N_SIGMA = 2,
  SYN_STAGE_TOP_K = 3,
  SYN_STAGE_TYPICAL = 4,
  SYN_STAGE_TOP_P = 5,
  SYN_STAGE_MIN_P = 6,
  SYN_STAGE_XTC = 7,
  SYN_STAGE_TEMPERATURE = 8
};

typedef struct syn_logit_bias {
  int32_t id;
  float bias; /* added to the logit; -INFINITY forbids the token */
} syn_logit_bias;

typedef struct syn_sampler_options {
  size_t struct_size;
  uint64_t seed;            /* the same seed chooses the same tokens on every machine */
  float temperature;        /* >= 0; 0 takes the likeliest */
  int32_t top_k;            /* <= 0: all */
  float top_p;              /* in (0, 1]; 1: off */
  float min_p;              /* in [0, 1]; 0: off */
  float repeat_penalty;     /* > 0; 1: off */
  float frequency_penalty;  /* 0: off */
  float presence_penalty;   /* 0: off */
  int32_t repeat_last_n;    /* tokens the penalties look back on; 0: none, -1: all */
  const syn_logit_bias* bias;
  size_t n_bias;
  float typical_p;          /* in (0, 1]; 1: off */
  float top_n_sigma;        /* standard deviations below the largest logit; <= 0: off */
  float xtc_probability;    /* in [0, 1]; 0: off */
  float xtc_threshold;      /* in [0, 1] */
  float dry_multiplier;     /* >= 0; 0: off */
  float dry_base;           /* >= 1 */
  int32_t dry_allowed_length;  /* repeated tokens that cost nothing, >= 0 */
  int32_t dry_last_n;       /* tokens DRY looks back on; 0: off, -1: all */
  const int32_t* dry_breakers; /* ids that no repetition reaches across, ascending */
  size_t n_dry_breakers;
  int32_t mirostat;         /* 0: off, 2: version 2, in place of every other truncation */
  float mirostat_tau;       /* the surprise aimed at, bits, >= 0 */
  float mirostat_eta;       /* its learning rate, >= 0 */
  const int32_t* stages;    /* SYN_STAGE_*, the order they run in; NULL: as numbered */
  size_t n_stages;
} syn_sampler_options;
SYN_API void syn_sampler_options_default(syn_sampler_options* options, size_t struct_size);

/* Chooses the next token and appends it; the model reads it at the next call that needs it. *logprob is the natural
 * log of its probability before any option; may be NULL. */
SYN_API syn_status syn_session_sample(syn_session* session, const syn_sampler_options* options, int32_t* id,
                                      float* logprob, syn_error* error);

typedef struct syn_token {
  size_t struct_size;
  const char* text; /* to show now; NUL-terminated, may be empty; valid during the callback */
  size_t text_size;
  int32_t id; /* -1: no token, only text that was held back */
  float logprob;
} syn_token;
/* Called for every token. A value other than 0 ends the generation behind this token. */
typedef int (*syn_token_fn)(void* user, const syn_token* token);

typedef struct syn_generate_options {
  size_t struct_size;
  const syn_sampler_options* sampler; /* NULL: the defaults */
  const char* const* stop;            /* texts of 1 to 256 bytes; any of them ends, and is not shown */
  size_t n_stop;
  int32_t max_tokens;   /* < 0: until the context is full */
  int32_t show_special; /* 1: control tokens show as their names */
  int32_t ignore_end;   /* 1: tokens that end a text do not end the generation */
} syn_generate_options;
SYN_API void syn_generate_options_default(syn_generate_options* options, size_t struct_size);

enum {
  SYN_FINISH_NONE = 0,     /* an error */
  SYN_FINISH_END = 1,      /* a token that ends the text */
  SYN_FINISH_STOP = 2,     /* a stop text */
  SYN_FINISH_LENGTH = 3,   /* max_tokens, or the context is full */
  SYN_FINISH_CALLBACK = 4, /* the callback asked for it */
  SYN_FINISH_CANCELLED = 5 /* syn_session_cancel; the call returns SYN_ERROR_CANCELLED */
};

/* Continues what was read. Tokens chosen so far stay in the session however it ends. `finish` may be NULL. */
SYN_API syn_status syn_session_generate(syn_session* session, const syn_generate_options* options,
                                        syn_token_fn callback, void* user, int32_t* finish, syn_error* error);

/* With on = 1 the running feed, sample or generate ends with SYN_ERROR_CANCELLED within milliseconds; when none is
 * running, the next one does. The request is spent when a call has reported it; on = 0 takes it back. */
SYN_API void syn_session_cancel(syn_session* session, int32_t on);

/* Every id read or chosen. */
SYN_API syn_status syn_session_tokens(syn_session* session, int32_t* out, size_t capacity, size_t* n,
                                      syn_error* error);
/* The plan that this session was opened with. */
SYN_API syn_status syn_session_get_plan(const syn_session* session, syn_plan* plan, syn_error* error);
/* Back to the first n tokens. */
SYN_API syn_status syn_session_truncate(syn_session* session, size_t n, syn_error* error);
/* A second session of the same options that stands where this one does; from then on each goes its own way. */
SYN_API syn_status syn_session_clone(syn_session* session, syn_session** clone, syn_error* error);

/* Takes the bytes of a file in order, in any pieces. A value other than 0 ends the save: SYN_ERROR_IO. */
typedef int (*syn_write_fn)(void* user, const void* data, size_t size);
SYN_API syn_status syn_session_save(syn_session* session, syn_write_fn write, void* user, syn_error* error);
/* The path has its new content when all of it is on disk, and its old one until then. */
SYN_API syn_status syn_session_save_file(syn_session* session, const char* path, syn_error* error);
/* Bytes that were damaged, or saved with another model, cache type or byte order, are refused; the session is empty
 * then. */
SYN_API syn_status syn_session_restore(syn_session* session, const void* data, size_t size, syn_error* error);
SYN_API syn_status syn_session_restore_file(syn_session* session, const char* path, syn_error* error);

#ifdef __cplusplus
}
#endif

#endif
