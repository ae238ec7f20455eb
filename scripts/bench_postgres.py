"""The part of scripts/bench that measures a CSS whose store is PostgreSQL, beside what the same server does without the service.

Runs inside tests/with-postgres; scripts/bench --postgres sees to that.
"""
import base64
import collections
import json
import multiprocessing
import os
import re
import resource
import select
import selectors
import socket
import statistics
import subprocess
import time

SCHEMA = "bench"
MOST_PARKED = 20000
DESCRIPTORS_FOR_OTHERS = 100  # Of an instance with as many nodes as it has descriptors for: its log, its database, its listener.
# What the service asks for by itself, for all nodes together: by the name of the prepared statement, or by its beginning.
BACKGROUND = re.compile("PREPARE (heartbeat|take_over|expired|activating|consumed|inactive|staged|transfers|due|claim_due|claim_work|next_work"
                        "|counter|fold_counters|hear|feed_end|forget_feed|forget_erased|orphan_owners|sweep|doomed_files)$"
                        r"|SELECT \$1$|SELECT \(extract\(\$1 FROM clock_timestamp|SELECT pg_(try_)?advisory_|NOTIFY |BEGIN|COMMIT|ROLLBACK|SET ")
IP_BIND_ADDRESS_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)

# Nodes as the store keeps them: key, record, the node's name inside records, protocol.
NODES = """
CREATE FUNCTION part(t text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT convert_to(t, 'UTF8') || '\\x0000' $$;
CREATE FUNCTION field(t text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT set_byte('\\x00', 0, length(t)) || convert_to(t, 'UTF8') $$;
INSERT INTO destination (key, record, last_ping, name, protocol)
  SELECT part('acme') || part('sensor') || part('s' || i),
         '\\x01' || field('acme') || field('sensor') || field('s' || i) || field('http') || field('1.0') || '\\x80808080808080803101'::bytea,
         9000000000000000000, field('acme') || field('sensor') || field('s' || i), 'http' FROM generate_series(1, {count}) i;
INSERT INTO counter VALUES (3, {count});
ANALYZE destination;
"""

# What a publish cannot do without: look whether there is an older version, and store the object, its data and a counter.
FLOOR = """\\set id random(1, 9000000000000000000)
SELECT record FROM object WHERE key = '\\x61636d650000666c6f6f720000'::bytea || int8send(:id);
WITH o AS (INSERT INTO object (key, record, is_received, is_own) VALUES ('\\x61636d650000666c6f6f720000'::bytea || int8send(:id), '{record}', false, true)),
 a AS (INSERT INTO address VALUES ('\\x61636d6500006e6f626f647900000000', '\\x61636d650000666c6f6f720000'::bytea || int8send(:id))),
 b AS (INSERT INTO blob (id, record, created, is_staged, small) VALUES (int8send(:id) || int8send(:id), '{blob}', 1, false, '{data}'))
 INSERT INTO counter VALUES (1, 1);
"""


def raise_files(wanted):
    """File descriptors for this process and those that it starts: as many as wanted, if the system lets it; how many."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for files in (max(wanted, hard), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
            return files
        except (ValueError, OSError):
            continue


class Crowd:
    """Parked nodes i<first>.. at one instance, held by a process of their own, so that no process needs a descriptor for each of all."""

    def __init__(self, port, first, count):
        self.answer, child = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.hold, args=(child, port, first, count), daemon=True)
        self.process.start()

    @staticmethod
    def hold(pipe, port, first, count):
        sockets = []
        waiting = selectors.DefaultSelector()
        for i in range(count):
            s = socket.socket()
            # Another address for every few thousand, or there would not be a port for each.
            s.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            s.bind((f"127.0.1.{1 + i // 4000}", 0))
            s.connect(("127.0.0.1", port))
            s.sendall(Postgres.poll(f"i{first + i}", 55))
            sockets.append(s)
            waiting.register(s, selectors.EVENT_READ)
        time.sleep(1)
        pipe.send(len(waiting.select(0)))
        while waiting.get_map():
            ready = waiting.select(40)
            if not ready:
                pipe.send(False)
                return
            for key, _ in ready:
                waiting.unregister(key.fileobj)
        pipe.send(True)

    def wait(self):
        return self.answer.recv()


class Database:
    """The private server, asked by psql. One session is kept, so that asking is fast."""

    def __init__(self):
        self.folder, self.port = os.environ["EDGESYNC_TEST_POSTGRES"].rsplit(":", 1)
        self.session = subprocess.Popen(["psql", "-qAtX", "-h", self.folder, "-p", self.port, "-U", "postgres"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        # What is asked here is not the service's.
        self.ask(f"SET search_path TO {SCHEMA}, public; SET client_min_messages TO warning; SET pg_stat_statements.track TO none")

    def ask(self, sql):
        self.session.stdin.write(sql + ";\n\\echo :end\n")
        self.session.stdin.flush()
        lines = []
        for line in self.session.stdout:
            if line == ":end\n":
                return lines
            lines.append(line.rstrip("\n"))
        raise SystemExit("psql ended")

    def number(self, sql):
        return int(self.ask(sql)[0])

    def log(self):
        with open(os.path.join(self.folder, "server.log"), errors="replace") as f:
            return f.read()

    def set(self, name, value):
        self.ask(f"ALTER SYSTEM SET {name} = {value}")
        self.ask("SELECT pg_reload_conf()")
        time.sleep(0.3)

    def queries(self):
        """What the service has run for its callers: how often, by the statement. Everything counts that is not known to be in the background."""
        rows = self.ask("SELECT coalesce('PREPARE ' || substring(query FROM '^PREPARE (\\w+)'), left(regexp_replace(query, '\\s+', ' ', 'g'), 60)),"
                        " sum(calls) FROM pg_stat_statements GROUP BY 1")
        counts = collections.Counter()
        for row in rows:
            name, calls = row.rsplit("|", 1)
            if not BACKGROUND.match(name):
                counts[name] += int(calls)
        return counts

    def asked_since(self, before, periodic=()):
        """How many there were since `queries` gave `before`; says which. `periodic`: statements that are asked without a caller, too."""
        since = self.queries() - before
        for name in periodic:
            del since[name]
        if since:
            print("  the database was asked: " + ", ".join(f"{count} x {name}" for name, count in since.most_common()), flush=True)
        return since.total()

    def close(self):
        self.session.stdin.close()
        self.session.wait()


class Postgres:
    def __init__(self, bench, connect):
        self.bench = bench
        self.connect = connect  # Makes one kept-alive connection to a port.
        self.row = bench.row
        self.quick = bench.quick
        self.database = Database()
        self.nodes = 10000 if self.quick else 100000
        self.css = None

    def start(self):
        self.files = raise_files(65536)
        self.css = self.add_instance("css-postgres")
        self.database.ask("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public")

    def add_instance(self, name):
        css = self.bench.css(name, [
            "StorageProvider postgres", f"PostgresAddressCsv {self.database.folder}:{self.database.port}", "PostgresDbName postgres",
            "PostgresUsername postgres", f"PostgresSchema {SCHEMA}", "MaxConnections 30000", "PostgresPoolSize 16"])
        css.start()
        return css

    def run(self, only):
        try:
            self.start()
            for part in (self.publish, self.round_trips, self.fan_out, self.status_changes, self.idle, self.parked, self.wake_up):
                if not only or only == part.__name__:
                    self.database.ask("CHECKPOINT")  # No part pays for what the one before it left in memory.
                    os.sync()
                    part()
        finally:
            if self.css:
                self.css.stop()
            self.database.close()

    # -- publishing -----------------------------------------------------------------------------------------------------------------
    def pgbench(self, clients, seconds):
        script = os.path.join(self.bench.folder, "floor.sql")
        with open(script, "w") as f:
            f.write(FLOOR.format(record="\\x" + os.urandom(180).hex(), blob="\\x" + os.urandom(90).hex(), data="\\x" + os.urandom(1024).hex()))
        out = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", script, "-h",
                              self.database.folder, "-p", self.database.port, "-U", "postgres", "postgres"], capture_output=True, text=True,
                             env={**os.environ, "PGOPTIONS": f"-c search_path={SCHEMA}"}, check=True).stdout
        return float(re.search(r"^tps = ([0-9.]+)", out, re.M).group(1))

    def publish(self):
        seconds = 2 if self.quick else 6
        script = self.bench.script("postgres", "/api/v1/objects/acme/bench/ID")
        floor, ours = [], []
        for _ in range(2 if self.quick else 3):  # In turn, because a machine's speed changes.
            floor.append(self.pgbench(32, seconds))
            ours.append(self.bench.wrk(self.css.port, 32, seconds, script))
        floor, ours = statistics.median(floor), statistics.median(ours)
        self.row("PostgreSQL: durable publish of 1 KiB, 32 connections", ours, "req/s", floor, "pgbench, its statements alone", ">= 40 % of it",
                 ours >= 0.4 * floor)

    def round_trips(self):
        self.add_nodes()
        c = self.connect(self.css.port)
        count = 100
        for name, addressing in (("to nobody", {"destinationType": "nobody"}), ("to one node", {"destinationType": "sensor", "destinationID": "s1"})):
            for kind in ("new object", "new version"):
                self.database.set("log_statement", "'all'")
                before = len(self.database.log())
                for i in range(count):
                    self.put(c, f"trip-{name[-4:]}-{i}", addressing)
                text = self.database.log()[before:]
                self.database.set("log_statement", "'none'")
                # One line per message to the server; what is in the background has no transaction.
                trips = sum(1 for line in text.splitlines() if "LOG:  statement: " in line and re.search(
                    r"BEGIN|COMMIT|EXECUTE (prefetch|fan_out|put_|add_|get_object|deliver|keep|touch)", line)) / count
                self.row(f"PostgreSQL: round trips of a publish {name}, {kind}", trips, "trips", target="<= 3", met=trips < 3.1)

    # -- many nodes -----------------------------------------------------------------------------------------------------------------
    def add_nodes(self):
        if self.database.number("SELECT count(*) FROM destination") == 0:
            self.database.ask(NODES.format(count=self.nodes))

    def put(self, c, name, addressing):
        data = base64.b64encode(os.urandom(1024)).decode()
        began = time.perf_counter()
        status, body = c.call("PUT", f"/api/v1/objects/acme/fan/{name}",
                              json.dumps({"meta": {"objectID": name, "objectType": "fan", **addressing}, "data": data}))
        assert status == 204, (status, body)
        return time.perf_counter() - began

    def fan_out(self):
        self.add_nodes()
        c = self.connect(self.css.port)
        one_times, all_times, stored = [], [], []
        rounds = 3 if self.quick else 5
        for i in range(rounds):
            for n in range(5):
                one_times.append(self.put(c, f"one{i}-{n}", {"destinationType": "sensor", "destinationID": "s1"}))
            began = time.perf_counter()
            all_times.append(self.put(c, f"all{i}", {"destinationType": "sensor"}))
            while self.database.number("SELECT count(*) FROM work") > 0:
                time.sleep(0.005)
            stored.append(time.perf_counter() - began)
            time.sleep(1)  # Whose turn it is then is not what is measured.
        reached = self.database.number("SELECT count(*) FROM delivery WHERE status = 1 AND key >= '\\x61636d65000066616e0000616c6c300000'"
                                       " AND key < '\\x61636d65000066616e0000616c6c300001'")
        assert reached == self.nodes, reached
        one, every = statistics.median(one_times), statistics.median(all_times)
        self.row(f"PostgreSQL: publish to {self.nodes} nodes, answer", every * 1000, "ms", one * 1000, "publish to one node", "< 5 times it",
                 every < 5 * one)
        median = statistics.median(stored)
        self.row(f"PostgreSQL: publish to {self.nodes} nodes, whole fan-out stored", median, "s", target="< 1 s", met=median < 1)
        self.row(f"PostgreSQL: the slowest of {rounds} of them", max(stored), "s")

    def status_changes(self):
        self.add_nodes()
        count = 1000 if self.quick else 10000
        c = self.connect(self.css.port)
        self.put(c, "changes", {"destinationType": "sensor"})
        while self.database.number("SELECT count(*) FROM work") > 0:
            time.sleep(0.005)
        meta = json.loads(c.call("GET", "/api/v1/objects/acme/fan/changes")[1])
        began = time.perf_counter()
        for action in ("updated", "received", "consumed"):
            self.send_from_nodes(count, f"/spi/v1/objects/acme/fan/changes/{meta['instanceID']}/{meta['dataID']}/{action}")
        took = time.perf_counter() - began
        prefix = "acme".encode().hex() + "0000" + "fan".encode().hex() + "0000" + "changes".encode().hex() + "000"
        done = self.database.number(f"SELECT count(*) FROM delivery WHERE status = 3 AND key >= '\\x{prefix}0' AND key < '\\x{prefix}1'")
        self.row(f"PostgreSQL: {count} nodes x 3 status changes, 32 connections", took, "s", target="< 10 s", met=took < 10)
        self.row("PostgreSQL: nodes whose last change is stored", done, "nodes", target=f"= {count}", met=done == count)

    def send_from_nodes(self, count, path):
        """One PUT of each node, 32 at once, by hand: a client that is slower than the service would be measured instead."""
        requests = iter([f"PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nAuthorization: Basic "
                         f"{base64.b64encode(f'acme/sensor/s{i}:'.encode()).decode()}\r\nX-Sync-Service-Dest: acme/sensor/s{i}\r\n\r\n".encode()
                         for i in range(1, count + 1)])
        waiting = selectors.DefaultSelector()
        for _ in range(32):
            s = socket.create_connection(("127.0.0.1", self.css.port))
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.sendall(next(requests))
            waiting.register(s, selectors.EVENT_READ)
        while waiting.get_map():
            for key, _ in waiting.select(60):
                answer = key.fileobj.recv(4096)
                if not answer.startswith(b"HTTP/1.1 204"):
                    raise SystemExit(f"a node was refused: {answer[:200]}")
                request = next(requests, None)
                if request:
                    key.fileobj.sendall(request)
                else:
                    waiting.unregister(key.fileobj)
                    key.fileobj.close()

    # -- idle nodes -----------------------------------------------------------------------------------------------------------------
    @staticmethod
    def poll(node, wait=0):
        user = base64.b64encode(f"acme/idle/{node}:".encode()).decode()
        return (f"GET /spi/v1/objects/ HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {user}\r\nX-Sync-Service-Dest: acme/idle/{node}\r\n" +
                (f"Prefer: wait={wait}\r\n" if wait else "") + "\r\n").encode()

    def add_idle_nodes(self, count):
        if self.database.number("SELECT count(*) FROM destination WHERE key >= '\\x61636d65000069646c650000' AND key < '\\x61636d65000069646c650001'"):
            return
        fields = "field('acme') || field('idle') || field('i' || i)"
        self.add_nodes()
        self.database.ask(f"INSERT INTO destination (key, record, last_ping, name, protocol) SELECT part('acme') || part('idle') || part('i' || i),"
                          f" '\\x01' || {fields} || field('http') || field('1.0') || '\\x80808080808080803101'::bytea, 9000000000000000000, {fields}, 'http'"
                          f" FROM generate_series(1, {count}) i")

    def idle(self):
        self.add_idle_nodes(MOST_PARKED)
        user = {"Authorization": "Basic " + base64.b64encode(b"acme/idle/i1:").decode(), "X-Sync-Service-Dest": "acme/idle/i1"}
        c = self.connect(self.css.port, user)

        def poll():
            return c.call("GET", "/spi/v1/objects/")[0]
        before, count = self.database.queries(), 1000
        assert poll() == 204, "the node is registered and has nothing pending"
        assert self.database.queries() - before, "the first poll asks the database, so what counts does not see it"
        before = self.database.queries()
        assert all(poll() == 204 for _ in range(count))
        asked = self.database.asked_since(before) / count
        self.row("PostgreSQL: queries per poll of a node that has nothing pending", asked, "", target="0", met=asked == 0)

    def parked(self):
        count = 2000 if self.quick else MOST_PARKED
        self.add_idle_nodes(MOST_PARKED)
        # One instance, unless the system does not give it a descriptor for each; then the rest is at others.
        crowds, instances, most = [], [], self.files - DESCRIPTORS_FOR_OTHERS
        for first in range(1, count + 1, most):
            instances.append(self.css if not instances else self.add_instance(f"css-postgres-{len(instances) + 1}"))
            crowds.append((instances[-1].port, first, min(most, count + 1 - first)))
        at_first = self.database.queries()
        at_one = crowds[0][2]
        crowds = [Crowd(*crowd) for crowd in crowds]
        answered = sum(crowd.wait() for crowd in crowds)
        assert self.database.queries() - at_first, "their first polls ask the database, so what counts does not see them"
        before = self.database.queries()
        resident = self.css.memory()[0]
        time.sleep(5)
        # Now and then it is asked for uploads that wait for their verification, whether a node is parked or not.
        asked = self.database.asked_since(before, ["PREPARE entries"])
        nodes = f"{count} parked nodes" + (f", {at_one} of them at one instance" if at_one < count else "")
        self.row(f"PostgreSQL: queries of {nodes}, in 5 s", asked, "", target="0", met=asked == 0)
        self.row(f"PostgreSQL: resident memory of one instance with {at_one} parked nodes", resident, "MiB", target="< 400 MiB",
                 met=resident < 400 and answered == 0)
        began = time.perf_counter()
        self.put(self.connect(self.css.port), "wake", {"destinationType": "idle"})
        if not all([crowd.wait() for crowd in crowds]):
            raise SystemExit("parked nodes were not answered")
        self.row(f"PostgreSQL: from a publish to the answer of the last of {nodes}", time.perf_counter() - began, "s")

    def wake_up(self):
        """A node that is parked at one instance, and publishes at another."""
        other = self.add_instance("css-postgres-other")
        name = "acme/lone/n1"
        user = {"Authorization": "Basic " + base64.b64encode(f"{name}:".encode()).decode(), "X-Sync-Service-Dest": name}
        node, publisher = self.connect(self.css.port, user), self.connect(other.port)
        assert node.call("PUT", f"/spi/v1/register-new/{name}?persistent-storage=true", b"")[0] == 204
        times = []
        for i in range(20 if self.quick else 100):
            node.http.request("GET", "/spi/v1/objects/", headers={**user, "Prefer": "wait=55"})
            assert not select.select([node.http.sock], [], [], 0.1)[0], "the node is parked"
            began = time.perf_counter()
            publisher.http.request("PUT", f"/api/v1/objects/acme/lone/o{i}", headers=publisher.headers, body=json.dumps(
                {"meta": {"objectID": f"o{i}", "objectType": "lone", "destinationType": "lone"}, "data": "aGVsbG8="}))
            answer = node.http.getresponse()
            times.append(time.perf_counter() - began)
            told = [item["MetaData"] for item in json.loads(answer.read())]
            published = publisher.http.getresponse()
            published.read()
            assert published.status == 204 and [item["objectID"] for item in told] == [f"o{i}"], (published.status, told)
            for action in ("updated", "received"):
                path = f"/spi/v1/objects/acme/lone/o{i}/{told[0]['instanceID']}/{told[0]['dataID']}/{action}"
                assert node.call("PUT", path, b"")[0] == 204
        other.stop()
        median = statistics.median(times) * 1000
        self.row(f"PostgreSQL: from a publish to the answer of a node parked at another instance, median of {len(times)}", median, "ms",
                 target="< 50 ms", met=median < 50)
        self.row("PostgreSQL: the slowest of them", max(times) * 1000, "ms")
