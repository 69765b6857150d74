/** Servers of the stand-in for the Internet, for the programs of tried-programs.ts. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Netns } from '#support/netns.ts'
import { NOBODY } from '#support/privileges.ts'

export interface Place {
  readonly server: Netns
  /** The server's directory: www has the files of HTTP, and git the repositories. */
  readonly site: string
  /** The home of the user. */
  readonly home: string
}

/** Makes files, and starts a server. */
export type Serve = (place: Place) => Promise<void> | void

export const GREETING = 'hello from afar'

const run = (cwd: string, script: string) =>
  execFileSync('sh', ['-ec', script], { cwd, stdio: 'pipe' })

/** Waits until a server listens on a port. */
const listens = ({ server }: Place, port: number, how = 't') =>
  expect.poll(() => server.exec(`ss -Hln${how} sport = :${port}`)).not.toBe('')

/** Makes a directory in www. */
function inWww({ site }: Place, name: string): string {
  const path = join(site, 'www', name)
  mkdirSync(path, { recursive: true })
  return path
}

/**
 * www/hello, and www/page, a page that fetches it, which is loaded when it has. Its image has
 * another URL than what it puts, because Chromium waits with a second request for one.
 */
export const files: Serve = place => {
  writeFileSync(join(inWww(place, ''), 'hello'), `${GREETING}\n`)
  writeFileSync(
    join(inWww(place, ''), 'page.html'),
    `<!doctype html><link rel="icon" href="data:,"><p id="text"></p><script type="module">
      text.textContent = 'fetched: ' + await (await fetch('/hello')).text()
      await fetch('/box/agent', { method: 'PUT', body: navigator.userAgent })
    </script><img src="/box/agent?loaded">`,
  )
}

/** An HLS video of 50 frames. */
export const video: Serve = place => {
  const source = '-f lavfi -i testsrc=duration=2:rate=25:size=160x120'
  run(
    inWww(place, 'live'),
    `ffmpeg -v error ${source} -c:v mpeg2video -f hls -hls_time 1 index.m3u8`,
  )
}

/** A registry with one package. */
export const npmRegistry: Serve = place => {
  const www = inWww(place, 'npm')
  const name = 'hello-afar'
  const manifest = { name, version: '1.0.0', main: 'index.js' }
  mkdirSync(join(www, 'package'))
  writeFileSync(join(www, 'package/package.json'), JSON.stringify(manifest))
  writeFileSync(join(www, 'package/index.js'), `module.exports = '${GREETING}'`)
  run(www, 'tar -czf hello-afar.tgz package')
  const sum = createHash('sha512')
    .update(readFileSync(join(www, 'hello-afar.tgz')))
    .digest('base64')
  const dist = { tarball: 'https://example.test/npm/hello-afar.tgz', integrity: `sha512-${sum}` }
  const versions = { '1.0.0': { ...manifest, dist } }
  writeFileSync(
    join(www, name),
    JSON.stringify({ name, 'dist-tags': { latest: '1.0.0' }, versions }),
  )
}

/** A simple index with one wheel. */
export const pythonIndex: Serve = place => {
  const www = inWww(place, 'simple/hello-afar')
  const wheel = 'hello_afar-1.0.0-py3-none-any.whl'
  run(
    www,
    `mkdir hello_afar-1.0.0.dist-info && cd hello_afar-1.0.0.dist-info
    printf 'Metadata-Version: 2.1\\nName: hello-afar\\nVersion: 1.0.0\\n' > METADATA
    printf 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n' > WHEEL
    printf 'hello_afar.py,,\\n' > RECORD; cd ..
    echo 'print("${GREETING}")' > hello_afar.py
    /usr/bin/python3 -m zipfile -c ${wheel} hello_afar.py hello_afar-1.0.0.dist-info`,
  )
  writeFileSync(
    join(www, 'index.html'),
    `<!doctype html><title>links</title><a href="${wheel}">${wheel}</a>`,
  )
}

/** A flat repository with one package. */
export const aptRepository: Serve = place => {
  const www = inWww(place, 'apt')
  const control = [
    'Package: hello-afar',
    'Version: 1.0.0',
    'Architecture: all',
    'Maintainer: A Test <test@example.test>',
    'Description: a greeting',
    '',
  ].join('\n')
  mkdirSync(join(www, 'tree/DEBIAN'), { recursive: true, mode: 0o755 })
  writeFileSync(join(www, 'tree/DEBIAN/control'), control)
  writeFileSync(join(www, 'tree/greeting'), `${GREETING}\n`)
  run(www, 'dpkg-deb --build tree hello.deb')
  const deb = readFileSync(join(www, 'hello.deb'))
  const sum = createHash('sha256').update(deb).digest('hex')
  writeFileSync(
    join(www, 'Packages'),
    `${control}Filename: ./hello.deb\nSize: ${deb.length}\nSHA256: ${sum}\n\n`,
  )
}

/** A module proxy with one module. */
export const goProxy: Serve = place => {
  const versions = inWww(place, 'go/example.test/hello/@v')
  const module = 'example.test/hello@v1.0.0'
  run(
    versions,
    `mkdir -p ${module} && echo 'module example.test/hello' > v1.0.0.mod && cp v1.0.0.mod ${module}/go.mod`,
  )
  writeFileSync(
    join(versions, module, 'main.go'),
    `package main\n\nfunc main() { println("${GREETING}") }\n`,
  )
  writeFileSync(join(versions, 'list'), 'v1.0.0\n')
  writeFileSync(join(versions, 'v1.0.0.info'), '{"Version":"v1.0.0","Time":"2024-01-01T00:00:00Z"}')
  // Without entries of directories, which go refuses.
  const zip = `import zipfile; z = zipfile.ZipFile('v1.0.0.zip', 'w'); [z.write('${module}/' + name) for name in ('go.mod', 'main.go')]`
  execFileSync('/usr/bin/python3', ['-c', zip], { cwd: versions })
}

/** git/hello.git with a commit, over HTTPS. */
export const gitRepository: Serve = ({ site }) => {
  const git = 'git -c user.name=Test -c user.email=test@example.test -c init.defaultBranch=main'
  run(
    site,
    `mkdir git && ${git} init -q work && echo '${GREETING}' > work/greeting
    ${git} -C work add . && ${git} -C work commit -qm 'Say hello' && ${git} clone -q --bare work git/hello.git
    chown -R ${NOBODY} git`,
  )
}

/** Lets the user log in with a key; the files and repositories are there. */
export const sshServer: Serve = async place => {
  const { server, site, home } = place
  files(place)
  gitRepository(place)
  const config = [
    `HostKey ${site}/host`,
    `AuthorizedKeysFile ${site}/user.pub`,
    'StrictModes no',
    'UsePAM no',
    'Subsystem sftp internal-sftp',
  ]
  writeFileSync(join(site, 'sshd_config'), config.join('\n'))
  run(
    site,
    `for name in host user; do ssh-keygen -q -t ed25519 -N '' -f $name; done
    cp user ${home}/id; echo "example.test $(cat host.pub)" > ${home}/known
    sed 's|^nobody:.*|nobody:x:${NOBODY}:${NOBODY}::${site}:/bin/sh|' /etc/passwd > passwd
    chown ${NOBODY} ${home}/id`,
  )
  const script = `mount -t tmpfs none /run && mkdir /run/sshd && mount --bind ${site}/passwd /etc/passwd
    exec /usr/sbin/sshd -D -e -f ${site}/sshd_config`
  server.spawn(['unshare', '-m', 'sh', '-ec', script])
  await listens(place, 22)
}

/** The files as a module of rsync. */
export const rsyncServer: Serve = async place => {
  files(place)
  const config = join(place.site, 'rsyncd.conf')
  writeFileSync(config, `use chroot = no\n[www]\npath = ${place.site}/www\n`)
  // A standard input that is a socket would make it a server of inetd.
  place.server.spawn(['sh', '-c', `exec rsync --daemon --no-detach --config=${config} </dev/null`])
  await listens(place, 873)
}

export const redis: Serve = async place => {
  place.server.spawn(['redis-server', '--protected-mode', 'no', '--save', '', '--dir', place.site])
  await listens(place, 6379)
}

export const postgres: Serve = async place => {
  const bin = `/usr/lib/postgresql/${readdirSync('/usr/lib/postgresql').at(-1)}/bin`
  const user = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups']
  const data = join(place.site, 'data')
  run(
    place.site,
    `install -d -o postgres data; ${user.join(' ')} ${bin}/initdb --auth=trust --no-sync --wal-segsize=1 -D data`,
  )
  run(data, 'echo "host all all all trust" >> pg_hba.conf')
  place.server.spawn([...user, `${bin}/postgres`, '-D', data, '-h', '*', '-k', data])
  await listens(place, 5432)
}

export const mosquitto: Serve = async place => {
  const config = join(place.site, 'mosquitto.conf')
  writeFileSync(config, 'listener 1883\nallow_anonymous true\n')
  place.server.spawn(['/usr/sbin/mosquitto', '-c', config])
  await listens(place, 1883)
}

export const iperf3: Serve = async place => {
  place.server.spawn(['iperf3', '-s'])
  await listens(place, 5201)
}

/** Echoes datagrams on UDP port 7. */
export const echo: Serve = async place => {
  place.server.spawn(['socat', 'UDP-RECVFROM:7,fork', 'EXEC:cat'])
  await listens(place, 7, 'u')
}

/** The half of a WebRTC page: gathers addresses, and signals by /box/KEY. */
const PEER = `
  const peer = new RTCPeerConnection()
  const put = (key, body) => fetch('/box/' + key, { method: 'PUT', body })
  const get = async key => (await fetch('/box/' + key)).json()
  const describe = async key => {
    await peer.setLocalDescription()
    if (peer.iceGatheringState !== 'complete') await new Promise(resolve => {
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && resolve()
    })
    await put(key, JSON.stringify(peer.localDescription))
  }`

/** A page that calls another, in a browser of the server's, which sends back what it gets. */
export const webrtc: Serve = place => {
  const www = inWww(place, '')
  const page = (name: string, script: string, more: string) =>
    writeFileSync(
      join(www, `${name}.html`),
      `<!doctype html><p id="text"></p><script type="module">${PEER}${script}</script>${more}`,
    )
  const call = `
    const channel = peer.createDataChannel('text')
    await describe('offer')
    await peer.setRemoteDescription(await get('answer'))
    await new Promise(resolve => { channel.onopen = resolve })
    channel.send('${GREETING}')
    text.textContent = 'echo: ' + await new Promise(resolve => { channel.onmessage = ({ data }) => resolve(data) })
    await put('done', '')`
  const answer = `
    peer.ondatachannel = ({ channel }) => { channel.onmessage = ({ data }) => channel.send(data) }
    await peer.setRemoteDescription(await get('offer'))
    await describe('answer')`
  page('call', call, '<img src="/box/done?loaded">')
  page('answer', answer, '')
  const options = ['--headless', '--no-sandbox', '--disable-features=WebRtcHideLocalIpsWithMdns']
  const profile = `--user-data-dir=${join(place.site, 'profile')}`
  // It has an address for others only with a default route.
  place.server.ip('route add default via 192.0.2.1')
  place.server.spawn(['chromium', ...options, profile, 'http://192.0.2.80/answer.html'])
}
