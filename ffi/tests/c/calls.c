/* Calls the library as a C program does: every function of the header, good and bad. */
#include "perry_sandbox.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(what)                                                    \
    do {                                                               \
        if (!(what)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
            failures++;                                                \
        }                                                              \
    } while (0)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;

struct waiting {
    int replies;
    struct psb_reply *last;
};

static void take(struct psb_reply *reply, void *context) {
    struct waiting *waiting = context;
    pthread_mutex_lock(&mutex);
    waiting->replies++;
    psb_reply_free(waiting->last);
    waiting->last = reply;
    pthread_cond_signal(&answered);
    pthread_mutex_unlock(&mutex);
}

static void until(struct waiting *waiting, int replies) {
    pthread_mutex_lock(&mutex);
    while (waiting->replies < replies)
        pthread_cond_wait(&answered, &mutex);
    pthread_mutex_unlock(&mutex);
}

/* Asks, and checks that the reply has these words in it. */
static void expect(const char *request, const char *words) {
    struct psb_reply *reply = psb_call(request, strlen(request));
    const char *text = psb_reply_text(reply);
    CHECK(reply != NULL && text != NULL && strlen(text) == psb_reply_length(reply));
    if (strstr(text, words) == NULL) {
        fprintf(stderr, "no `%s` in the reply to\n  %.300s\n  %.600s\n", words, request, text);
        failures++;
    }
    psb_reply_free(reply);
}

static long resident(void) {
    long whole = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &whole, &pages) != 2)
        pages = -1;
    if (file != NULL)
        fclose(file);
    return pages * 4096;
}

static int descriptors(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        closedir(folder);
    return count;
}

/* Many calls of every kind: neither memory nor descriptors grow. Without a question none reads a file. */
static void many(const char *explain, int rounds) {
    static const char refused[] = "{\"v\":1,\"id\":\"r\",\"op\":\"explain\",\"args\":{\"nonsense\":1}}";
    static const char quick[] = "{\"v\":1,\"id\":\"q\",\"op\":\"getBackendPriority\"}";
    struct waiting waiting = {0, NULL};
    for (int round = 1; round <= rounds; round++) {
        if (explain != NULL && round % 50 == 0)
            expect(explain, "\"verdict\":\"allow\"");
        expect(refused, "BAD_REQUEST");
        psb_call_async(quick, sizeof quick - 1, take, &waiting);
        until(&waiting, round);
    }
    psb_reply_free(waiting.last);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s IMAGE|- POLICY ROUNDS\n", argv[0]);
        return 2;
    }
    char run[4096], explain[4096], denied[4096];
    const char *wish = "\"name\":\"%s\",\"policy\":\"%s\",\"image\":\"%s\"";
    char capability[2048];
    snprintf(capability, sizeof capability, wish, "count-words", argv[2], argv[1]);
    snprintf(run, sizeof run, "{\"v\":1,\"id\":\"1\",\"op\":\"runCapability\",\"args\":{%s,\"stdin\":\"one two three\"}}", capability);
    snprintf(explain, sizeof explain, "{\"v\":1,\"id\":\"2\",\"op\":\"explain\",\"args\":{\"capability\":{%s}}}", capability);
    snprintf(denied, sizeof denied,
             "{\"v\":1,\"id\":\"3\",\"op\":\"runCapability\",\"args\":{%s,\"grants\":{\"egress\":[\"example.org:443\"]}}}", capability);

    CHECK(strlen(psb_version()) >= 5);
    expect("{\"v\":1,\"id\":\"0\",\"op\":\"version\"}", psb_version());
    bool all = strcmp(argv[1], "-") != 0;
    struct waiting waiting = {0, NULL};
    if (all) {
        expect(explain, "\"verdict\":\"allow\"");
        expect(run, "\"stdout\":\"3\\n\"");
        expect(denied, "\"code\":\"DENIED\",\"status\":403");
    }
    const char *asked = all ? run : "{\"v\":1,\"id\":\"0\",\"op\":\"version\"}";
    CHECK(psb_call_async(asked, strlen(asked), take, &waiting));
    until(&waiting, 1);
    CHECK(strstr(psb_reply_text(waiting.last), all ? "\"exitCode\":0" : psb_version()) != NULL);

    expect("", "BAD_REQUEST");
    expect("\xff\xfe", "BAD_ENCODING");
    expect("[[[[", "BAD_REQUEST");
    struct psb_reply *reply = psb_call(NULL, 7);
    CHECK(strstr(psb_reply_text(reply), "BAD_REQUEST") != NULL);
    psb_reply_free(reply);
    CHECK(!psb_call_async(run, strlen(run), NULL, NULL));
    CHECK(psb_call_async(NULL, 0, take, &waiting));
    until(&waiting, 2);
    CHECK(psb_reply_text(NULL) == NULL && psb_reply_length(NULL) == 0);
    psb_reply_free(NULL);

    int rounds = atoi(argv[3]);
    const char *question = all ? explain : NULL;
    many(question, rounds / 10);
    long before = resident();
    int open = descriptors();
    many(question, rounds);
    long grown = resident() - before;
    if (grown > 4L << 20 || descriptors() > open) {
        fprintf(stderr, "%d rounds: %ld bytes and %d descriptors more\n", rounds, grown, descriptors() - open);
        failures++;
    }

    psb_launcher_hook();
    CHECK(psb_close());
    CHECK(!psb_close());
    expect(explain, "\"code\":\"CLOSED\",\"status\":410");
    CHECK(psb_call_async(run, strlen(run), take, &waiting));
    until(&waiting, 3);
    CHECK(strstr(psb_reply_text(waiting.last), "CLOSED") != NULL);
    psb_reply_free(waiting.last);
    return failures == 0 ? 0 : 1;
}
