"""curl on a bad link: what it survives, and what it reports."""
CURL = ["curl", "-4sS", "-o", "/dev/null", "-m", "3", "http://server:8080/"]


def test_a_download_survives_the_loss_of_its_first_packet(lab):
    fault = lab.fault(link="link", direction="ab", action="drop", filter="tcp port 8080", nth=1)["fault"]
    assert lab.exec(host="client", command=CURL)["status"] == 0
    assert lab.hits(fault=fault) == {"hits": 1}


def test_a_cut_cable_ends_in_a_timeout_and_a_plugged_one_works_again(lab):
    lab.cut(link="link")
    assert lab.exec(host="client", command=CURL)["status"] in (7, 28)
    lab.plug(link="link")
    assert lab.exec(host="client", command=[*CURL, "--retry", "5", "--retry-all-errors"])["status"] == 0


def test_a_slow_link_has_the_round_trip_of_its_wire(lab):
    lab.wire(link="link", wire={"ab": "delay 100ms", "ba": "delay 100ms"})
    ping = lab.begin("exec", host="client", command=["ping", "-4", "-c1", "server"])
    assert float(ping.result(30)["stdout"].split("time=")[1].split()[0]) >= 200


def test_each_test_has_the_links_of_the_file(lab):
    assert lab.stats(link="link")["ab"]["text"] == "delay 5ms"
