"""The part of scripts/bench that measures nodes that speak MQTT, beside what the same broker does without the service.

Runs inside tests/with-mosquitto; scripts/bench --mqtt sees to that.
"""
import base64
import json
import os
import select
import statistics
import subprocess
import threading
import time

CHUNK = 5242880
HEADER = 80  # Octets of a data message besides names and data.


class Mqtt:
    def __init__(self, bench, connect):
        self.bench = bench
        self.connect = connect  # Makes one kept-alive connection to a port.
        self.row = bench.row
        self.quick = bench.quick
        self.broker = os.environ["EDGESYNC_TEST_BROKER"]
        self.broker_process = int(os.environ["EDGESYNC_TEST_BROKER_PID"])
        self.lines = ["CommunicationProtocol mqtt", "BrokerAddress 127.0.0.1", f"BrokerPort {self.broker}", "MQTTUseSSL false"]

    def css(self, name):
        css = self.bench.css(f"css-mqtt-{name}", [*self.lines, "OrgID acme"])
        css.start()
        return css

    def run(self, only):
        for part in (self.latency, self.transfers, self.fan_out, self.registered):
            if not only or only == part.__name__:
                os.sync()
                part()

    # -- the broker alone -----------------------------------------------------------------------------------------------------------
    def forward(self, subscribers, octets, messages, window):
        """Messages per second that the broker forwards."""
        program = os.path.join(os.path.dirname(self.bench.service), "bench-mqtt-forward")
        command = [program, self.broker, str(subscribers), str(octets), str(messages), str(window)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def counts(self):
        """Messages and octets that the broker received, and messages that it threw away, some seconds after the last of them."""
        time.sleep(2.5)  # It brings the counters up to date in the second second.
        names = ("messages/received", "bytes/received", "messages/dropped")
        return [int(subprocess.run(["mosquitto_sub", "-h", "127.0.0.1", "-p", self.broker, "-t", f"$SYS/broker/publish/{name}", "-C", "1"],
                                   capture_output=True, text=True, check=True).stdout) for name in names]

    def broker_memory(self):
        with open(f"/proc/{self.broker_process}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    # -- one node -------------------------------------------------------------------------------------------------------------------
    def latency(self):
        css = self.css("latency")
        ess = self.bench.ess(css, "cam1", self.lines)
        ess.start()
        self.bench.wait_registered(css, 1)
        times = self.bench.delivery_times(css, ess)
        median, p99 = statistics.median(times), times[int(len(times) * 0.99)]
        # Both sides sync before they answer, and there is no data before update, getdata and data have gone through the broker.
        floor = 2000 / self.bench.synced_writes() + 3000 / self.forward(1, 1500, 2000, 1)
        self.row("MQTT: publish on the CSS to received on the ESS, median", median, "ms", floor, "two synced writes, three messages", "< 10 ms",
                 median < 10)
        self.row("MQTT: publish on the CSS to received on the ESS, p99", p99, "ms")
        css.stop()
        ess.stop()

    def transfers(self):
        size = 64 if self.quick else 256
        chunks = size * (1 << 20) // CHUNK
        css = self.css("transfers")
        file = self.bench.file(size)
        for registered, window in enumerate((1, 4), start=1):
            ess = self.bench.ess(css, f"cam{window}", [*self.lines, f"MaxInflightChunks {window}"])
            ess.start()
            self.bench.wait_registered(css, registered)
            times, floors, peaks = [], [], [0.0, 0.0, 0.0]
            for i in range(2 if self.quick else 3):  # In turn, because a machine's speed changes.
                floors.append(self.forward(1, CHUNK + HEADER, chunks, window) * CHUNK / (1 << 20))
                name = f"t{window}-{i}"
                self.bench.upload(css, name, file, {"destinationType": "camera", "destinationID": f"cam{window}", "inactive": True})
                os.sync()
                times.append(self.transfer(css, ess, name, peaks))
            rate, floor = size / statistics.median(times), statistics.median(floors)
            text = f"MQTT: {size} MiB CSS to ESS, {window} chunk{'s' if window > 1 else ''} of 5 MiB asked for at once"
            self.row(text, rate, "MiB/s", floor, "broker alone, as many", ">= 60 % of it", rate >= 0.6 * floor)
            for who, peak in zip(("CSS", "ESS", "broker"), peaks):
                self.row(f"MQTT: peak resident memory of the {who} during it", peak, "MiB")
            ess.stop()
        css.stop()

    def transfer(self, css, ess, name, peaks):
        """Seconds; `peaks` are brought up to date: CSS, ESS, broker."""
        c, e = self.connect(css.port), self.connect(ess.port)
        began = time.perf_counter()
        c.call("PUT", f"/api/v1/objects/acme/big/{name}/activate")
        while e.call("GET", f"/api/v1/objects/big/{name}/status")[1] != b"completelyReceived":
            for i, resident in enumerate((css.memory()[0], ess.memory()[0], self.broker_memory())):
                peaks[i] = max(peaks[i], resident)
            time.sleep(0.002)
            if time.perf_counter() - began > 60:
                raise SystemExit("a transfer does not end")
        return time.perf_counter() - began

    # -- many nodes -----------------------------------------------------------------------------------------------------------------
    def play_nodes(self, kind, count, deliveries):
        program = os.path.join(os.path.dirname(self.bench.service), "bench-mqtt-nodes")
        nodes = subprocess.Popen([program, self.broker, "acme", kind, str(count), str(deliveries)], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        if nodes.stdout.readline() != "registered\n":
            raise SystemExit("the nodes did not register")
        return nodes

    def fan_out(self):
        count, objects = 100, 100 if self.quick else 1000
        css = self.css("fan-out")
        nodes = self.play_nodes("sensor", count, count * objects)
        os.sync()  # The registrations are not what is measured.
        before = self.counts()
        began = time.perf_counter()
        publishers = [threading.Thread(target=self.publish, args=(css.port, part, objects)) for part in range(4)]
        for publisher in publishers:
            publisher.start()
        for publisher in publishers:
            publisher.join()
        published = time.perf_counter() - began
        if not select.select([nodes.stdout], [], [], 45 if self.quick else 150)[0]:
            counts = [after - earlier for after, earlier in zip(self.counts(), before)]
            raise SystemExit(f"the nodes did not get everything; messages, octets and lost messages of the broker: {counts}")
        took = float(nodes.stdout.readline().split()[1]) - began
        messages, octets, dropped = (after - earlier for after, earlier in zip(self.counts(), before))
        nodes.communicate()
        resident, anonymous = css.memory()
        css.stop()
        each = messages / (count * objects)
        alone = self.forward(count, octets // messages, messages // 2, 1000)
        rate = count * objects / took
        self.row(f"MQTT: {objects} objects of 1 KiB to {count} nodes, deliveries", rate, "1/s", alone / each, f"broker alone / {each:.1f}",
                 ">= 50 % of it", rate >= 0.5 * alone / each)
        self.row("MQTT: messages through the broker for each of them", each, "")
        self.row("MQTT: mean size of these messages", octets / messages, "octets")
        self.row("MQTT: messages that the broker threw away meanwhile", dropped, "", target="= 0", met=dropped == 0)
        self.row("MQTT: publishing these objects took", published, "s")
        self.row("MQTT: resident memory of the CSS after that, pages of its store included", resident, "MiB")
        self.row("MQTT: anonymous memory of the CSS after that", anonymous, "MiB", target="< 64 MiB", met=anonymous < 64)

    def publish(self, port, part, count):
        c = self.connect(port)
        data = base64.b64encode(os.urandom(1024)).decode()
        for i in range(part, count, 4):
            status, body = c.call("PUT", f"/api/v1/objects/acme/fan/f{i}",
                                  json.dumps({"meta": {"objectID": f"f{i}", "objectType": "fan", "destinationType": "sensor"}, "data": data}))
            assert status == 204, (status, body)

    def registered(self):
        count = 200 if self.quick else 1000
        css = self.css("registered")
        time.sleep(1)
        before = css.memory()[0]
        nodes = self.play_nodes("meter", count, 0)
        self.bench.wait_registered(css, count)
        resident = css.memory()[0]
        nodes.communicate()
        self.row(f"MQTT: resident memory of a CSS with {count} registered nodes", resident, "MiB", target="< 64 MiB", met=resident < 64)
        # Nodes are records in the store and have no connection to the CSS.
        self.row("MQTT: of which for a node", (resident - before) * 1024 / count, "KiB")
        css.stop()
