/* One mistake a row, and the exact line that an operator reads about it (after the file's name). */
#pragma once

struct mistake {
    enum {
        IN_FILE,
        IN_APP,
        IN_POOL
    } where; /* the text is the file, keys of `app` (line 2 on), or of a pool (line 5 on) */
    const char *text, *error;
};

#define TESTS "app.status-list-pools.p."

static const struct mistake mistakes[] = {
    /* the file */
    {IN_FILE, "", "1: app: missing; expected the root key app with a map"},
    {IN_FILE, "# nothing\n# but comments\n", "1: app: missing; expected the root key app with a map"},
    {IN_FILE, "~\n", "1: app: missing; expected the root key app with a map"},
    {IN_FILE, "text\n", "1: app: the file is not a map; expected the root key app with a map"},
    {IN_FILE, "- app\n", "1: app: the file is not a map; expected the root key app with a map"},
    {IN_FILE, "{}\n", "1: app: missing; expected the root key app with a map"},
    {IN_FILE, "app: 5\n", "1: app: is not a map; expected a map with the keys of the service"},
    {IN_FILE, "\nserver:\n  a: 1\n", "2: server: unknown key; expected app as the only root key"},
    {IN_FILE, "app: {}\n", "1: app.status-list-pools: missing; expected it in the map that begins here"},
    {IN_FILE, "app:\n  status-list-pools:\n", "2: app.status-list-pools: has no pool; expected at least one"},
    {IN_FILE, "app:\n  status-list-pools: {}\n",
     "2: app.status-list-pools: has no pool; expected at least one"},
    {IN_FILE, "app:\n  status-list-pools: [a]\n", "2: app.status-list-pools: is a list; expected a map"},
    {IN_FILE, "app:\n  status-list-pools: a\n", "2: app.status-list-pools: 'a' is not a map; expected a map"},
    {IN_FILE, "app:\n  status-list-pools:\n    p: 5\n    q: {api-key: 12345678}\n",
     "3: app.status-list-pools.p: is not a map; expected a map with the pool's keys\n" FILE_NAME ":3: " TESTS
     "api-key: missing; expected api-key, api-keys, api-key-file, api-key-sha256 or jwt-auth.keys"},
    {IN_FILE, "app: {status-list-pools: {a b: {api-key: 12345678}}}\n",
     "1: app.status-list-pools.a b: is not a valid name for a pool; expected 1 to 64 of the characters a-z, "
     "0-9, _ "
     "and -"},
    {IN_FILE, "app: {status-list-pools: {'': {api-key: 12345678}}}\n",
     "1: app.status-list-pools.: is not a valid name for a pool; expected 1 to 64 of the characters a-z, "
     "0-9, _ and "
     "-"},
    /* YAML */
    {IN_FILE, "app:\n\tworkers: 1\n", "2: yaml: a tab in the indentation; expected spaces"},
    {IN_FILE, "app: {\n",
     "2: yaml: did not find expected node content while parsing a flow node; expected valid YAML"},
    {IN_FILE, "app:\n  a: 'open\n",
     "3: yaml: found unexpected end of stream while scanning a quoted scalar; expected valid YAML"},
    {IN_FILE, "app:\n  [a]: 1\n", "2: yaml: a key is a map or a list; expected a plain name"},
    {IN_FILE, "app:\n  \"a\\0b\": 1\n", "2: yaml: a key contains a NUL character; expected a plain name"},
    {IN_FILE, "app: {status-list-pools: {p: {api-key: 12345678}}}\n---\napp: {}\n",
     "2: yaml: a second document begins here (---); expected one document"},
    {IN_APP, "  listen: &x {ops: '127.0.0.1:1'}\n",
     "2: yaml: an anchor (&name) is not supported; expected the value written out"},
    {IN_APP, "  workers: *x\n", "2: yaml: an alias (*name) is not supported; expected the value written out"},
    {IN_APP, "  workers: !!int 3\n", "2: yaml: a tag (!name) is not supported; expected the plain value"},
    {IN_APP, "  workers: 2\n  workers: 3\n",
     "3: app.workers: given twice, first in line 2; expected it once"},
    {IN_APP, "  redis:\n    port: 1\n    host: a\n    port: 2\n",
     "5: app.redis.port: given twice, first in line 3; expected it once"},
    {IN_APP, "  ...\n",
     "2: ...: ends the document in YAML, it does not stand for something left out; expected the line to be "
     "removed"},
    /* unknown keys */
    {IN_APP, "  wokers: 2\n", "2: app.wokers: unknown key; did you mean workers?"},
    {IN_APP, "  host: a\n", "2: app.host: unknown key; did you mean host in the map redis?"},
    {IN_APP, "  ttl: 1m\n", "2: app.ttl: unknown key; did you mean ttl in app.status-list-pools.<pool>?"},
    {IN_APP, "  zzzzzzzz: 1\n",
     "2: app.zzzzzzzz: unknown key; expected one of public-url, listen, limits, shared-cache, audit, "
     "idempotency, "
     "tls, workers, "
     "storage-directory, runtime-directory, "
     "shutdown, log, core-dumps, "
     "status-list-pools, redis"},
    {IN_APP, "  redis.port: 1\n",
     "2: app.redis.port: unknown key; expected one of public-url, listen, limits, shared-cache, audit, "
     "idempotency, "
     "tls, workers, "
     "storage-directory, runtime-directory, "
     "shutdown, log, core-dumps, status-list-pools, redis"},
    {IN_APP, "  redis:\n    prot: 1\n", "3: app.redis.prot: unknown key; did you mean port?"},
    {IN_APP, "  shutdown: {delai: 1s}\n", "2: app.shutdown.delai: unknown key; did you mean delay?"},
    {IN_POOL, "      threshold: 5\n",
     "5: " TESTS "threshold: unknown key; did you mean threshold in the map prefetch?"},
    {IN_POOL, "      signer: {pem: {kez: a}}\n",
     "5: " TESTS "signer.pem.kez: unknown key; did you mean key?"},
    {IN_POOL, "      <<: {bits: 1}\n",
     "5: " TESTS
     "<<: unknown key; expected one of api-key, api-keys, api-key-file, api-key-sha256, jwt-auth, "
     "issuer, aggregation-uri, size, bits, final-status, precreation, prefetch, update-interval, "
     "list-lifetime, ttl, "
     "retired, retire-after, limits, signer"},
    /* types */
    {IN_APP, "  listen: 8080\n",
     "2: app.listen: is not a map; expected a map with the keys public, issuer, ops"},
    {IN_APP, "  redis: [a]\n",
     "2: app.redis: is not a map; expected a map with the keys mode, host, port, socket, username, password, "
     "password-file, database, tls, persistence-strategy, wait-replicas, assume-persistence, "
     "command-timeout"},
    {IN_APP, "  workers: two\n",
     "2: app.workers: 'two' is not a whole number; expected a whole number from 1 to 256, or auto"},
    {IN_APP, "  workers: 0\n",
     "2: app.workers: '0' is out of range; expected a whole number from 1 to 256, or auto"},
    {IN_APP, "  workers: -3\n",
     "2: app.workers: '-3' is out of range; expected a whole number from 1 to 256, or auto"},
    {IN_APP, "  workers: \"2\"\n",
     "2: app.workers: is in quotes and therefore a text; expected a whole number from 1 to 256, or auto"},
    {IN_APP, "  redis: {wait-replicas: some}\n",
     "2: app.redis.wait-replicas: 'some' is not a whole number; expected a whole number from 0 to 100, or "
     "all"},
    {IN_APP, "  redis: {wait-replicas: 101}\n",
     "2: app.redis.wait-replicas: '101' is out of range; expected a whole number from 0 to 100, or all"},
    {IN_APP, "  workers: [2]\n", "2: app.workers: is a list; expected a whole number from 1 to 256, or auto"},
    {IN_APP, "  workers: {a: 2}\n",
     "2: app.workers: is a map; expected a whole number from 1 to 256, or auto"},
    {IN_APP, "  workers:\n", "2: app.workers: it is empty; expected a whole number from 1 to 256, or auto"},
    {IN_APP, "  storage-directory: ''\n",
     "2: app.storage-directory: it is empty; expected a text of 1 to 1024 bytes"},
    {IN_APP, "  storage-directory: \"a\\nb\"\n",
     "2: app.storage-directory: 'a?b' has a line break or another control character; expected a text of 1 to "
     "1024 bytes"},
    {IN_POOL, "      size: 1e6\n",
     "5: " TESTS "size: '1e6' is not a whole number; expected a whole number from 1 to 100000000"},
    {IN_POOL, "      size: 0100\n",
     "5: " TESTS "size: '0100' is not a whole number; expected a whole number from 1 to 100000000"},
    {IN_POOL, "      size: 100000008\n",
     "5: " TESTS "size: '100000008' is out of range; expected a whole number from 1 to 100000000"},
    {IN_POOL, "      size: 99999999999999999999999\n",
     "5: " TESTS
     "size: '99999999999999999999999' is out of range; expected a whole number from 1 to 100000000"},
    {IN_POOL, "      retired: yes\n", "5: " TESTS "retired: 'yes' is not valid; expected true or false"},
    {IN_POOL, "      retired: 'true'\n",
     "5: " TESTS "retired: is in quotes and therefore a text; expected true or false"},
    {IN_POOL, "      bits: 3\n", "5: " TESTS "bits: '3' is not valid; expected 1, 2, 4 or 8"},
    {IN_POOL, "      prefetch: {on-underflow: wait}\n",
     "5: " TESTS "prefetch.on-underflow: 'wait' is not valid; expected delay or fail"},
    {IN_POOL, "      update-interval: 5\n",
     "5: " TESTS
     "update-interval: '5' has no unit; expected a duration from 0s to 24h, like 500ms, 40s, 1m or 24h"},
    {IN_POOL, "      update-interval: 1.5s\n",
     "5: " TESTS "update-interval: '1.5s' is not a duration; expected a duration from 0s to 24h, like 500ms, "
     "40s, 1m or 24h"},
    {IN_POOL, "      update-interval: 2d\n",
     "5: " TESTS "update-interval: '2d' is not a duration; expected a duration from 0s to 24h, like 500ms, "
     "40s, 1m or 24h"},
    {IN_POOL, "      update-interval: 25h\n",
     "5: " TESTS "update-interval: '25h' is out of range; expected a duration from 0s to 24h, like 500ms, "
     "40s, 1m or 24h"},
    {IN_POOL, "      ttl: 1500ms\n",
     "5: " TESTS "ttl: '1500ms' is not whole seconds; expected a duration of whole seconds from 1s to 250h, "
     "like 40s, 1m or 24h"},
    {IN_APP, "  limits: {body: 1MB}\n",
     "2: app.limits.body: '1MB' is not a size; expected a size from 1KiB to 64MiB, like 512, 64KiB or 1MiB"},
    {IN_APP, "  limits: {body: 1GiB}\n",
     "2: app.limits.body: '1GiB' is out of range; expected a size from 1KiB to 64MiB, like 512, 64KiB or "
     "1MiB"},
    /* TLS to Redis */
    {IN_APP, "  redis: {tls: true}\n",
     "2: app.redis.tls: is not a map; expected a map with the keys enabled, ca, certificate, key, "
     "password-file, server-name, verify"},
    {IN_APP, "  redis: {tls: {ca: a}}\n",
     "2: app.redis.tls.ca: is used with TLS only; expected redis.tls.enabled: true beside it"},
    {IN_APP, "  redis: {tls: {enabled: false, verify: full}}\n",
     "2: app.redis.tls.verify: is used with TLS only; expected redis.tls.enabled: true beside it"},
    {IN_APP, "  redis: {socket: /s, tls: {enabled: true}}\n",
     "2: app.redis.tls.enabled: Redis speaks no TLS on a unix socket; expected redis.host and redis.port"},
    {IN_APP, "  redis: {tls: {enabled: true, certificate: a}}\n",
     "2: app.redis.tls.certificate: has no key; expected redis.tls.key beside it"},
    {IN_APP, "  redis: {tls: {enabled: true, key: a}}\n",
     "2: app.redis.tls.key: has no certificate; expected redis.tls.certificate beside it"},
    {IN_APP, "  redis: {tls: {enabled: true, password-file: a}}\n",
     "2: app.redis.tls.password-file: has no key; expected redis.tls.key beside it"},
    {IN_APP, "  redis: {tls: {enabled: true, verify: some}}\n",
     "2: app.redis.tls.verify: 'some' is not valid; expected full, chain or none"},
    {IN_APP, "  redis: {mode: embedded, tls: {enabled: true}}\n",
     "2: app.redis.tls.enabled: is not used with mode embedded; expected it only with mode external"},
    /* addresses */
    {IN_APP, "  public-url: ftp://a\n",
     "2: app.public-url: does not begin with http:// or https://; expected http(s)://host[:port][/path]"},
    {IN_APP, "  public-url: http://\n",
     "2: app.public-url: has no host; expected http(s)://host[:port][/path]"},
    {IN_APP, "  public-url: http://*:8080\n",
     "2: app.public-url: has an invalid host or port; expected http(s)://host[:port][/path]"},
    {IN_APP, "  public-url: https://a?b\n",
     "2: app.public-url: has a query or a fragment; expected http(s)://host[:port][/path]"},
    {IN_APP, "  public-url: https://me:hidden@a\n",
     "2: app.public-url: contains a user name; expected http(s)://host[:port][/path]"},
    {IN_APP, "  public-url: http://a:99999/b\n",
     "2: app.public-url: has an invalid host or port; expected http(s)://host[:port][/path]"},
    {IN_APP, "  public-url: http://a/b//c\n",
     "2: app.public-url: has a path with an empty or dot segment, or with other characters than RFC 3986 "
     "allows; expected http(s)://host[:port][/path]"},
    {IN_APP, "  listen: {issuer: '8080'}\n",
     "2: app.listen.issuer: '8080' is not an address; expected host:port, [v6]:port, *:port or unix:/path, "
     "or same"},
    {IN_APP,
     "  listen: {ops: "
     "'unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}\n",
     "2: app.listen.ops: 'unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...' is not an "
     "address: the path of "
     "a unix socket has at most 107 bytes; expected host:port, [v6]:port, *:port or unix:/path"},
    {IN_APP, "  listen: {issuer: ['127.0.0.1:81', same]}\n",
     "2: app.listen.issuer: same together with addresses; expected one of the two"},
    {IN_APP, "  listen: {public: ['[::]:80', '0.0.0.0:80', '[::1]:80']}\n",
     "2: app.listen.public: names an address twice; expected it once"},
    {IN_APP,
     "  listen: {public: "
     "['*:1','*:2','*:3','*:4','*:5','*:6','*:7','*:8','*:9','*:10','*:11','*:12','*:13','*:14',"
     "'*:15','*:16','*:17']}\n",
     "2: app.listen.public: has 17 addresses; expected at most 16"},
    {IN_APP, "  listen: {public: []}\n",
     "2: app.listen.public: is an empty list; expected a text of 1 to 300 bytes or a list of them"},
    {IN_APP, "  listen: {ops: '0.0.0.0:8080'}\n",
     "2: app.listen.ops: has the same address as listen.public; expected another one"},
    {IN_APP, "  listen: {issuer: '127.0.0.1:8080'}\n",
     "2: app.listen.issuer: has the same address as listen.public; expected another one, or same"},
    {IN_APP, "  listen: {ops: 'unix:/run/r'}\n  redis: {socket: /run/r}\n",
     "2: app.listen.ops: is the socket of redis.socket; expected another path"},
    /* Redis */
    {IN_APP, "  redis: {mode: inside}\n",
     "2: app.redis.mode: 'inside' is not valid; expected external or embedded"},
    {IN_APP, "  redis: {port: 65536}\n",
     "2: app.redis.port: '65536' is out of range; expected a whole number from 1 to 65535"},
    {IN_APP, "  redis: {host: 'redis://:hidden@a'}\n",
     "2: app.redis.host: not a host; expected a name or an address alone, with the port in redis.port"},
    {IN_APP, "  redis: {host: 'localhost:6379'}\n",
     "2: app.redis.host: not a host; expected a name or an address alone, with the port in redis.port"},
    {IN_APP, "  redis: {host: '::1:6379x'}\n",
     "2: app.redis.host: not a host; expected a name or an address alone, with the port in redis.port"},
    {IN_APP,
     "  redis: {mode: embedded}\n  storage-directory: "
     "/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/ab\n",
     "3: app.storage-directory: is too long for the socket of the embedded Redis below it; expected at most "
     "90 bytes"},
    {IN_APP, "  redis: {socket: /a, host: b}\n",
     "2: app.redis.host: given together with redis.socket; expected one of the two"},
    {IN_APP, "  redis: {password: a, password-file: b}\n",
     "2: app.redis.password-file: given together with redis.password; expected one of the two"},
    {IN_APP, "  redis: {username: a}\n",
     "2: app.redis.username: has no password; expected password or password-file beside it"},
    {IN_APP, "  redis: {mode: embedded, host: a}\n",
     "2: app.redis.host: is not used with mode embedded; expected it only with mode external"},
    {IN_APP, "  redis: {mode: embedded, persistence-strategy: disabled}\n",
     "2: app.redis.persistence-strategy: the embedded Redis syncs every write; expected append-fsync-always"},
    {IN_APP, "  redis:\n    persistence-strategy: {append-fsync-always: true, disabled: true}\n",
     "3: app.redis.persistence-strategy: needs exactly one key that is true; expected append-fsync-always, "
     "append-fsync-everysec or disabled"},
    {IN_APP, "  redis:\n    persistence-strategy:\n      disabled: false\n",
     "3: app.redis.persistence-strategy: needs exactly one key that is true; expected append-fsync-always, "
     "append-fsync-everysec or disabled"},
    {IN_APP, "  redis:\n    persistence-strategy:\n      always: true\n",
     "4: app.redis.persistence-strategy: is a map with an unknown key; expected append-fsync-always, "
     "append-fsync-everysec or disabled"},
    {IN_APP, "  redis:\n    persistence-strategy:\n      disabled: 1\n",
     "4: app.redis.persistence-strategy: is a map with a value other than true or false; expected "
     "append-fsync-always, append-fsync-everysec or disabled"},
    {IN_APP, "  redis: {persistence-strategy: sometimes}\n",
     "2: app.redis.persistence-strategy: 'sometimes' is not valid; expected append-fsync-always, "
     "append-fsync-everysec or disabled"},
    /* pools */
    {IN_POOL, "      size: 1001\n",
     "5: " TESTS "size: 1001 entries of 1 bits are not whole bytes; expected a multiple of 8, like 1008"},
    {IN_POOL, "      bits: 4\n      size: 1001\n",
     "6: " TESTS "size: 1001 entries of 4 bits are not whole bytes; expected a multiple of 2, like 1002"},
    {IN_POOL, "      size: 80\n",
     "3: " TESTS "prefetch.capacity: 400 (default) is more than size 80; expected at most 80"},
    {IN_POOL, "      prefetch: {threshold: 500}\n",
     "5: " TESTS "prefetch.threshold: 500 is not below capacity 400 (default); expected at most 399"},
    {IN_POOL, "      prefetch: {threshold: 0}\n",
     "5: " TESTS "prefetch.threshold: '0' is out of range; expected a whole number from 1 to 10000000"},
    {IN_POOL, "      list-lifetime: 2m\n",
     "3: " TESTS "ttl: 1m (default) is more than a quarter of list-lifetime 2m; expected at most 30s"},
    {IN_POOL, "      final-status: 2\n",
     "5: " TESTS "final-status: 2 does not fit 1 bits; expected at most 1"},
    {IN_POOL, "      final-status: -1\n",
     "5: " TESTS "final-status: '-1' is out of range; expected a whole number from 0 to 255"},
    {IN_POOL, "      signer: {generate: false}\n",
     "5: " TESTS
     "signer.generate: false without another key; expected signer.pem.key, signer.pkcs12.keystore or true"},
    {IN_POOL, "      signer: {generate: true, pem: {key: a}}\n",
     "5: " TESTS "signer.generate: true together with pem.key; expected one of the two"},
    {IN_POOL, "      signer: {pem: {certificate: a}}\n",
     "5: " TESTS "signer.pem.certificate: has no key; expected signer.pem.key beside it"},
    {IN_POOL, "      signer: {pem: {password-file: a}}\n",
     "5: " TESTS "signer.pem.password-file: has no key; expected signer.pem.key beside it"},
    {IN_POOL, "      signer: {pkcs12: {password-file: a}}\n",
     "5: " TESTS "signer.pkcs12.password-file: has no key; expected signer.pkcs12.keystore beside it"},
    {IN_POOL, "      signer: {pem: {key: a}, pkcs12: {keystore: a}}\n",
     "5: " TESTS "signer.pkcs12.keystore: given together with signer.pem.key; expected one of the two"},
    {IN_POOL, "      signer: {generate: true, pkcs12: {keystore: a}}\n",
     "5: " TESTS "signer.generate: true together with pkcs12.keystore; expected one of the two"},
    {IN_POOL, "      signer: {pem: {key: a}, header: {x5c: true}}\n",
     "5: " TESTS "signer.header.x5c: needs a certificate; expected signer.pem.certificate or false"},
    /* credentials: never the value */
    {IN_POOL, "      api-keys: []\n",
     "5: " TESTS "api-keys: is an empty list; expected a text of 1 to 1024 bytes or a list of them"},
    {IN_POOL, "      api-keys: [{hidden: hidden}]\n",
     "5: " TESTS
     "api-keys: has a map or a list inside; expected a text of 1 to 1024 bytes or a list of them"},
    {IN_POOL, "      api-keys:\n        - hidden-one\n        - \"hidden\\ntwo\"\n",
     "7: " TESTS
     "api-keys: the value (not shown) has a line break or another control character; expected a text of 1 to "
     "1024 bytes or a list of them"},
    {IN_POOL, "      api-keys: [hidden one]\n",
     "5: " TESTS "api-keys: the key (not shown) cannot be sent in a header; expected visible ASCII "
     "characters without spaces"},
    {IN_POOL, "      api-keys: [" KEY "]\n",
     "5: " TESTS "api-keys: the same API key twice in one pool; expected it once"},
    {IN_POOL, "      api-keys: ['***']\n",
     "5: " TESTS "api-keys: *** is what --print-config shows instead of a key; expected the key itself"},
    {IN_POOL, "      api-key-sha256: hidden\n",
     "5: " TESTS "api-key-sha256: the value (not shown) is not a SHA-256; expected 64 hex digits"},
    {IN_POOL, "      api-key-file: nowhere/key\n",
     "5: " TESTS
     "api-key-file: 'nowhere/key' cannot be used (No such file or directory); expected a readable file with "
     "the secret in one line"},
    {IN_POOL, "      api-key-file: /tmp\n",
     "5: " TESTS
     "api-key-file: '/tmp' cannot be used (not a regular file); expected a readable file with the secret in "
     "one line"},
    {IN_POOL, "      api-key-file: [{a: b}]\n",
     "5: " TESTS
     "api-key-file: has a map or a list inside; expected a text of 1 to 4096 bytes or a list of them"},
    {IN_POOL, "      jwt-auth: 5\n",
     "5: " TESTS
     "jwt-auth: is not a map; expected a map with the keys keys, issuer, audience, algorithm, type"},
    {IN_POOL, "      jwt-auth: {issuer: a}\n",
     "5: " TESTS "jwt-auth.issuer: has no keys; expected jwt-auth.keys beside it"},
    {IN_POOL, "      jwt-auth: {algorithm: ES256}\n",
     "5: " TESTS "jwt-auth.algorithm: has no keys; expected jwt-auth.keys beside it"},
    {IN_POOL, "      jwt-auth: {type: at+jwt}\n",
     "5: " TESTS "jwt-auth.type: has no keys; expected jwt-auth.keys beside it"},
    {IN_POOL, "      jwt-auth: {keys: a, type: jwt}\n",
     "5: " TESTS "jwt-auth.type: 'jwt' is not valid; expected JWT or at+jwt"},
    {IN_POOL, "      jwt-auth: {keys: a, algorithm: none}\n",
     "5: " TESTS
     "jwt-auth.algorithm: 'none' is not valid; expected by-key, RS256, RS384, RS512, ES256, ES384, "
     "ES512, HS256, HS384, HS512, PS256, PS384, PS512 or EdDSA"},
    {IN_POOL, "      jwt-auth: {keys: nowhere/key.pem}\n",
     "5: " TESTS
     "jwt-auth.keys: 'nowhere/key.pem': cannot be used (No such file or directory); expected a readable "
     "PEM file with a public key"},
    {IN_POOL, "      jwt-auth: {keys: [statuslistd.yaml]}\n",
     "5: " TESTS
     "jwt-auth.keys: 'statuslistd.yaml': it contains no PEM; expected a PEM file with one public key, "
     "as openssl pkey -in KEY -pubout writes it"},
    {IN_POOL, "      api-key-file: \"-----BEGIN PRIVATE KEY-----hidden\"\n",
     "5: " TESTS
     "api-key-file: the value (not shown) cannot be used (No such file or directory); expected a readable "
     "file with the secret in one line"},
    /* TLS */
    {IN_APP, "  tls: {public: {certificate: a}}\n",
     "2: app.tls.public.certificate: has no key; expected tls.public.key beside it"},
    {IN_APP, "  tls: {ops: {key: a}}\n",
     "2: app.tls.ops.key: has no certificate; expected tls.ops.certificate beside it"},
    {IN_APP, "  tls: {public: {password-file: a}}\n",
     "2: app.tls.public.password-file: has no key; expected tls.public.key beside it"},
    {IN_APP, "  tls: {public: {client-ca: a}}\n",
     "2: app.tls.public.client-ca: unknown key; did you mean client-ca in the map tls.issuer?"},
    {IN_APP, "  tls: on\n", "2: app.tls: is not a map; expected a map with the keys public, issuer, ops"},
    {IN_APP, "  tls:\n    issuer:\n      certificate: a\n      key: b\n",
     "4: app.tls.issuer.certificate: listen.issuer is the public listener, which uses tls.public; expected "
     "an "
     "address of its own in listen.issuer\n" FILE_NAME
     ":5: app.tls.issuer.key: listen.issuer is the public listener, which uses tls.public; expected an "
     "address of its own in listen.issuer"},
    {IN_APP, "  tls: {issuer: {client-certificates: required}}\n",
     "2: app.tls.issuer.client-certificates: listen.issuer is the public listener, which asks no client for "
     "a certificate; expected an address of its own in listen.issuer"},
    {IN_APP,
     "  listen: {issuer: '127.0.0.1:1'}\n  tls: {issuer: {certificate: a, key: b, client-certificates: "
     "required}}\n",
     "3: app.tls.issuer.client-certificates: needs certificates to check clients against; expected "
     "tls.issuer.client-ca "
     "beside it"},
    {IN_APP, "  tls: {ops: {certificate: a, key: b, client-ca: c}}\n",
     "2: app.tls.ops.client-ca: is not used, because clients are not asked for a certificate; expected "
     "tls.ops.client-certificates: "
     "optional or required"},
    {IN_APP, "  tls: {ops: {client-ca: c, client-certificates: optional}}\n",
     "2: app.tls.ops.client-certificates: is used with TLS only; expected tls.ops.certificate and key beside "
     "it"},
    {IN_APP, "  tls: {ops: {certificate: a, key: b, client-ca: c, client-certificates: always}}\n",
     "2: app.tls.ops.client-certificates: 'always' is not valid; expected off, optional or required"},
};
