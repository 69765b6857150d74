/**
 * Programs of Debian and npm, unchanged in `vnet run`. test/run runs each against the stand-in for
 * the Internet, and a test holds the table of docs/records/tried.md against this one.
 */
import {
  aptRepository,
  echo,
  files,
  GREETING,
  gitRepository,
  goProxy,
  iperf3,
  mosquitto,
  npmRegistry,
  postgres,
  pythonIndex,
  redis,
  rsyncServer,
  type Serve,
  sshServer,
  video,
  webrtc,
} from './program-servers.ts'

export interface Tried {
  readonly program: string
  /** As tried for the record: Debian 12, Node 20. */
  readonly version: string
  /** Columns of the record; the result is "works" by default. */
  readonly did: string
  readonly result?: string
  readonly serve?: Serve
  /** Shell. HOME is an empty directory, and every host of example.test is the server. */
  readonly command: string
  readonly output: RegExp
}

const ICMP = 'shows the router, and the destination as the second hop: hops between them are hidden'
const CA = '/etc/ssl/certs/ca-certificates.crt'
const SSH = 'ssh -i $HOME/id -o UserKnownHostsFile=$HOME/known'
const GREETED = new RegExp(GREETING)

const APT = `mkdir -p ~/lists/partial ~/cache/archives/partial; : > ~/status
  echo 'deb [trusted=yes] https://example.test/apt ./' > ~/sources
  apt() { apt-get -o Dir::State::lists=$HOME/lists -o Dir::Cache=$HOME/cache -o Dir::State::status=$HOME/status \\
    -o Dir::Etc::sourcelist=$HOME/sources -o Dir::Etc::sourceparts=/dev/null "$@"; }`

const CLONE = `git clone -q "$url" ~/clone; cd ~/clone; cat greeting; git config user.name Test
  git config user.email test@example.test; echo more > more; git add more; git commit -qm 'Say more'
  git push -q; git ls-remote origin main | grep -q "$(git rev-parse HEAD)" && echo pushed`

const PLAYWRIGHT = `
  const { chromium } = require('playwright-core')
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium' })
  const page = await browser.newPage({ ignoreHTTPSErrors: true })
  await page.goto('https://example.test/page.html')
  console.log(await page.textContent('#text'))
  await browser.close()`

const JAVA = `import java.net.*; import java.net.http.*;
class Get { public static void main(String[] a) throws Exception {
  var request = HttpRequest.newBuilder(URI.create("https://example.test/hello")).build();
  System.out.print(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
} }`

export const TRIED: readonly Tried[] = [
  {
    program: 'curl',
    version: '7.88.1',
    did: 'a file over HTTPS',
    serve: files,
    command: 'curl -sS https://example.test/hello',
    output: GREETED,
  },
  {
    program: 'wget',
    version: '1.21.3',
    did: 'a file over HTTPS',
    serve: files,
    command: 'wget -qO- https://example.test/hello',
    output: GREETED,
  },
  {
    program: 'aria2c',
    version: '1.36.0',
    did: 'a file over HTTPS',
    command: 'aria2c -q -d ~ -o bytes https://example.test/bytes/1000000; wc -c ~/bytes',
    output: /^1000000 /,
  },
  {
    program: 'lftp',
    version: '4.9.2',
    did: 'a file over HTTPS',
    serve: files,
    command: 'lftp -c "cat https://example.test/hello"',
    output: GREETED,
  },
  {
    program: 'ab',
    version: '2.3',
    did: '20 requests, 5 at a time',
    serve: files,
    command: 'ab -q -n 20 -c 5 http://example.test/hello',
    output: /Complete requests: +20\nFailed requests: +0\n/,
  },
  {
    program: 'openssl s_client',
    version: '3.0.19',
    did: 'a TLS handshake, verified',
    command: `openssl s_client -verify_return_error -CAfile ${CA} -connect example.test:443 </dev/null`,
    output: /Verify return code: 0 \(ok\)/,
  },
  {
    program: 'git over HTTPS',
    version: '2.39.5',
    did: 'clone, commit, push',
    serve: gitRepository,
    command: `url=https://example.test/git/hello.git; ${CLONE}`,
    output: new RegExp(`^${GREETING}\npushed\n$`),
  },
  {
    program: 'git over SSH',
    version: '2.39.5',
    did: 'clone, commit, push',
    serve: sshServer,
    command: `export GIT_SSH_COMMAND="${SSH}"; url=nobody@example.test:git/hello.git; ${CLONE}`,
    output: new RegExp(`^${GREETING}\npushed\n$`),
  },
  {
    program: 'ssh',
    version: '9.2p1',
    did: 'a command, with its input and output',
    serve: sshServer,
    command: `echo ${GREETING} | ${SSH} nobody@example.test 'cat; exit 7' || echo status $?`,
    output: new RegExp(`^${GREETING}\nstatus 7\n$`),
  },
  {
    program: 'sftp',
    version: '9.2p1',
    did: 'files of a directory',
    serve: sshServer,
    command: `sftp -q -S ssh -i $HOME/id -o UserKnownHostsFile=$HOME/known nobody@example.test:www/hello ~/got >&2; cat ~/got`,
    output: GREETED,
  },
  {
    program: 'rsync over SSH',
    version: '3.5.0',
    did: 'files of a directory',
    serve: sshServer,
    command: `rsync -a -e "${SSH}" nobody@example.test:www/ ~/www; cat ~/www/hello`,
    output: GREETED,
  },
  {
    program: 'rsync',
    version: '3.5.0',
    did: 'files of a directory',
    serve: rsyncServer,
    command: 'rsync -a rsync://example.test/www/ ~/www; cat ~/www/hello',
    output: GREETED,
  },
  {
    program: 'npm',
    version: '11.19.1',
    did: 'install of a package',
    serve: npmRegistry,
    command: `export NODE_EXTRA_CA_CERTS=${CA}; cd ~
      npm install --cache ~/cache --registry=https://example.test/npm --no-audit --no-fund --no-update-notifier hello-afar
      node -p 'require("hello-afar")'`,
    output: GREETED,
  },
  {
    program: 'pip',
    version: '23.0.1',
    did: 'install of a package',
    serve: pythonIndex,
    command: `/usr/bin/python3 -m pip install -q --no-cache-dir --target ~/lib -i https://example.test/simple hello-afar
      PYTHONPATH=~/lib /usr/bin/python3 -m hello_afar`,
    output: GREETED,
  },
  {
    program: 'apt-get',
    version: '2.6.1',
    did: 'update and download of a package over HTTPS',
    serve: aptRepository,
    command: `${APT}; apt update; cd ~; apt download hello-afar; dpkg-deb --fsys-tarfile hello*.deb | tar -xO ./greeting`,
    output: GREETED,
  },
  {
    program: 'go',
    version: '1.19.8',
    did: 'go mod download from a module proxy',
    serve: goProxy,
    command: `export GOPROXY=https://example.test/go GONOSUMDB=* GOFLAGS=-modcacherw; cd ~
      go mod download -json example.test/hello@v1.0.0; cat go/pkg/mod/example.test/hello@v1.0.0/main.go`,
    output: GREETED,
  },
  {
    program: 'java (java.net.http)',
    version: '17.0.15',
    did: 'a file over HTTPS',
    serve: files,
    command: `cd ~; keytool -importcert -noprompt -file ${CA} -keystore trust -storepass changeit 2>&1
      printf '%s' '${JAVA}' > Get.java; java -Djavax.net.ssl.trustStore=trust -Djavax.net.ssl.trustStorePassword=changeit Get.java`,
    output: GREETED,
  },
  {
    program: 'node (fetch)',
    version: '20.20.2',
    did: 'a file over HTTPS',
    serve: files,
    command: `NODE_EXTRA_CA_CERTS=${CA} node -e 'fetch("https://example.test/hello").then(r => r.text()).then(console.log)'`,
    output: GREETED,
  },
  {
    program: 'python3 (urllib)',
    version: '3.11.2',
    did: 'a file over HTTPS',
    serve: files,
    command: `/usr/bin/python3 -c 'from urllib.request import *; print(urlopen("https://example.test/hello").read())'`,
    output: GREETED,
  },
  {
    program: 'perl (HTTP::Tiny)',
    version: '5.36.0',
    did: 'a file over HTTP',
    serve: files,
    command: `perl -MHTTP::Tiny -e 'print HTTP::Tiny->new->get("http://example.test/hello")->{content}'`,
    output: GREETED,
  },
  {
    program: 'chromium --headless',
    version: '150',
    did: 'a page that fetches',
    serve: files,
    command:
      'chromium --headless --user-data-dir="$HOME/profile" --ignore-certificate-errors --dump-dom https://example.test/page.html',
    output: /fetched: hello from afar/,
  },
  {
    program: 'chromium with WebRTC',
    version: '150',
    did: 'a data channel to a browser outside',
    serve: webrtc,
    command:
      'chromium --headless --user-data-dir="$HOME/profile" --dump-dom http://example.test/call.html',
    output: /echo: hello from afar/,
  },
  {
    program: 'playwright-core with chromium',
    version: '1.65.1',
    did: 'a page that fetches',
    serve: files,
    command: `node --input-type=module -e 'import { createRequire } from "node:module"
      const require = createRequire(process.cwd() + "/")
      ${PLAYWRIGHT.replaceAll("'", '"')}'`,
    output: /fetched: hello from afar/,
  },
  {
    program: 'firefox-esr --headless',
    version: '140.12',
    did: 'a page that fetches',
    serve: files,
    command: `mkdir ~/profile; firefox-esr --headless --no-remote --profile ~/profile --screenshot ~/page.png http://example.test/page.html >&2
      head -c4 ~/page.png | tail -c3; curl -sS http://example.test/box/agent`,
    output: /^PNG.* Firefox\//,
  },
  {
    program: 'ffmpeg',
    version: '5.1.9',
    did: 'an HLS video over HTTPS',
    serve: video,
    command: 'ffmpeg -v error -progress - -i https://example.test/live/index.m3u8 -f null -',
    output: /frame=50\n/,
  },
  {
    program: 'ping',
    version: '20221126',
    did: 'IPv4 and IPv6',
    command: 'for host in example.test 2001:db8:ffff::80; do ping -qc2 $host; done',
    output:
      /(.*\n)*2 packets transmitted, 2 received, 0%(.*\n)*2 packets transmitted, 2 received, 0%/,
  },
  {
    program: 'dig',
    version: '9.18.49',
    did: 'a name',
    command: 'dig +short example.test',
    output: /^192\.0\.2\.80\n$/,
  },
  {
    program: 'dig +tcp',
    version: '9.18.49',
    did: 'a name',
    command: 'dig +tcp +short example.test',
    output: /^192\.0\.2\.80\n$/,
  },
  {
    program: 'traceroute',
    version: '2.1.2',
    did: 'probes by UDP',
    result: 'shows the router, 198.18.1.2, and no hop after it: ICMP errors do not pass',
    command: 'traceroute -n -m 2 -w 3 -q 1 192.0.2.80',
    output: /^ 1 {2}198\.18\.1\.2 {2}([4-9]\d|\d{3,})\.\d+ ms\n 2 {2}\*\n$/m,
  },
  {
    program: 'traceroute -I',
    version: '2.1.2',
    did: 'probes by ICMP',
    result: ICMP,
    command: 'traceroute -I -n -m 4 -q 1 192.0.2.80',
    output: /^ 1 {2}198\.18\.1\.2 .*\n 2 {2}192\.0\.2\.80 {2}([4-9]\d|\d{3,})\.\d+ ms\n$/m,
  },
  {
    program: 'traceroute -T',
    version: '2.1.2',
    did: 'probes by TCP',
    result: 'refused: it needs root, also outside',
    command: 'ping -qc1 192.0.2.80 >&2; traceroute -T -n 192.0.2.80 2>&1 || echo status $?',
    output: /^You do not have enough privileges .*\n(.*\n)*status 1\n$/,
  },
  {
    program: 'mtr',
    version: '0.95',
    did: 'probes by ICMP',
    result: ICMP,
    command: 'mtr -n -r -c 1 192.0.2.80',
    output: /1\.\|-- 198\.18\.1\.2 +0\.0%.*\n.*2\.\|-- 192\.0\.2\.80 +0\.0%/,
  },
  {
    program: 'nmap',
    version: '7.93',
    did: 'connect scan of an open and a closed port',
    command: 'nmap -sT -Pn -n -p 80,81 192.0.2.80',
    output: /80\/tcp open(.*\n)+81\/tcp closed/,
  },
  {
    program: 'nc',
    version: '1.219',
    did: 'a datagram, and its echo',
    serve: echo,
    command: `echo ${GREETING} | nc -u -W1 example.test 7`,
    output: GREETED,
  },
  {
    program: 'socat',
    version: '1.7.4.4',
    did: 'TCP, with half a close',
    serve: redis,
    command: `printf 'PING\\r\\nQUIT\\r\\n' | socat -t 30 - TCP:example.test:6379`,
    output: /^\+PONG\r\n\+OK\r\n$/,
  },
  {
    program: 'mosquitto_pub, mosquitto_sub',
    version: '2.0.11',
    did: 'a message, by MQTT',
    serve: mosquitto,
    command: `mosquitto_pub -h example.test -t news -r -q 1 -m '${GREETING}'; mosquitto_sub -h example.test -t news -C 1`,
    output: GREETED,
  },
  {
    program: 'redis-cli',
    version: '7.0.15',
    did: 'a query',
    serve: redis,
    command: `redis-cli -h example.test set greeting '${GREETING}'; redis-cli -h example.test get greeting`,
    output: GREETED,
  },
  {
    program: 'psql',
    version: '15.18',
    did: 'a query',
    serve: postgres,
    command: `psql -h example.test -U postgres -Atc "select 'hello from ' || 'afar'"`,
    output: GREETED,
  },
  {
    program: 'iperf3 over TCP',
    version: '3.12',
    did: 'a measurement each way',
    serve: iperf3,
    command: 'iperf3 -c example.test -n 4M; iperf3 -c example.test -n 4M -R',
    output: /receiver\n(.*\n)+.*receiver\n/,
  },
  {
    program: 'iperf3 over UDP',
    version: '3.12',
    did: 'a measurement each way',
    serve: iperf3,
    command:
      'iperf3 -u -c example.test -b 2M -l 1000 -n 250K; iperf3 -u -c example.test -b 2M -l 1000 -n 250K -R',
    output: /receiver\n(.*\n)+.*receiver\n/,
  },
]

/** The table of the record: a row for the programs that did the same with the same result. */
export function table(): string {
  const rows = new Map<string, string[]>()
  for (const { program, version, did, result = 'works' } of TRIED) {
    const key = `${did} | ${result}`
    rows.set(key, [...(rows.get(key) ?? []), `${program} ${version}`])
  }
  const lines = [...rows].map(([key, programs]) => `| ${programs.join(', ')} | ${key} |`)
  return ['| programs | what they did | result |', '|---|---|---|', ...lines].join('\n')
}
