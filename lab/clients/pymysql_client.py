"""A client as a careful user of Python and PyMySQL writes it: one row every few milliseconds, through the writer's name.

The one thing to understand: a connection is checked before it is used, and thrown away after any error that may mean "not the
writer"; only then is the name asked again, and its answer is kept for its TTL and no longer. Python's own look-up (getaddrinfo) keeps
nothing and leaves that to the machine's resolver; here dnspython stands for that resolver, because the lab's name server has a port
of its own.

Options come as one line of JSON on standard input. Each acknowledged row goes out as a line of JSON with the monotonic clock's
time, which all processes of a machine share. It ends on SIGTERM, or when standard input ends.
"""

import json
import signal
import sys
import threading
import time

import dns.exception
import dns.resolver
import pymysql

# ER_OPTION_PREVENTS_STATEMENT and ER_READ_ONLY_MODE: this server is no writer.
READ_ONLY_ERRNOS = (1290, 1836)
TIMEOUT_SECONDS = 2
# After an error that the same server, asked again at once, would only repeat.
RETRY_SECONDS = 0.05


class NameLookup:
    """Real DNS queries, each answer kept for its TTL."""

    def __init__(self, name, server, port):
        self.name = name
        self.resolver = dns.resolver.Resolver(configure=False)
        self.resolver.nameservers = [server]
        self.resolver.port = port
        self.resolver.lifetime = TIMEOUT_SECONDS
        self.resolver.cache = dns.resolver.Cache()

    def host(self):
        return self.resolver.resolve(self.name, "A")[0].address


class Client:
    def __init__(self, options):
        self.options = options
        self.lookup = NameLookup(options["name"], options["nameServer"], options["nameServerPort"])
        self.connection = None
        self.host = None
        self.count = 0
        self.lost_at = None

    def borrow(self):
        """A connection that answers: the one there is, or a new one to whom the name leads now."""
        if self.connection is not None:
            self.connection.ping(reconnect=False)
            return self.connection
        options = self.options
        if self.lost_at is not None:
            time.sleep(max(0, self.lost_at + options["askAfterMs"] / 1000 - time.monotonic()))
        self.host = self.lookup.host()
        self.connection = pymysql.connect(
            host=self.host,
            port=options["port"],
            user=options["user"],
            password=options["password"],
            autocommit=True,
            connect_timeout=TIMEOUT_SECONDS,
            read_timeout=TIMEOUT_SECONDS,
            write_timeout=TIMEOUT_SECONDS,
            ssl_ca=options["caFile"],
            ssl_verify_cert=True,
            ssl_verify_identity=True,
        )
        return self.connection

    def write(self):
        self.count += 1
        token = f"{self.options['prefix']}-{self.count}"
        with self.borrow().cursor() as cursor:
            cursor.execute("INSERT INTO shop.orders (token) VALUES (%s)", (token,))
        say({"token": token, "host": self.host, "monotonicMs": time.monotonic_ns() / 1e6})

    def give_up(self, error):
        """Throws the connection away unless it is whole; says how long to wait before trying again."""
        if isinstance(error, (pymysql.err.IntegrityError, pymysql.err.DataError)):
            return RETRY_SECONDS  # The server refused this one statement and is the writer all the same.
        connection, self.connection = self.connection, None
        if connection is None:
            return RETRY_SECONDS
        self.lost_at = time.monotonic()
        try:
            connection.close()
        except pymysql.err.Error:
            pass  # It was gone already.
        return RETRY_SECONDS if error.args and error.args[0] in READ_ONLY_ERRNOS else 0


def say(row):
    print(json.dumps(row), flush=True)


def main():
    options = json.loads(sys.stdin.readline())
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    # Whoever started it may die without a word.
    threading.Thread(target=lambda: (sys.stdin.read(), ending.set()), daemon=True).start()
    client = Client(options)
    while not ending.is_set():
        try:
            client.write()
            wait_seconds = options["everyMs"] / 1000
        except (pymysql.err.Error, dns.exception.DNSException, OSError) as error:
            wait_seconds = client.give_up(error)
            print(error, file=sys.stderr)
        ending.wait(wait_seconds)


main()
