/** A page that calls another one, for tests of WebRTC. The test carries the descriptions. */
import http from 'node:http'

const PAGE = `<!doctype html>
  <title>Call</title>
  <video autoplay muted playsinline></video>
  <script>
    let peer, channel
    const gathered = () => new Promise(resolve => {
      const look = () => peer.iceGatheringState === 'complete' && resolve(peer.localDescription.toJSON())
      peer.addEventListener('icegatheringstatechange', look)
      look()
    })
    async function open(config, media) {
      peer = new RTCPeerConnection(config)
      peer.ontrack = ({ streams }) => (document.querySelector('video').srcObject = streams[0])
      peer.ondatachannel = event => {
        channel = event.channel
        channel.onmessage = ({ data }) => channel.send(data)
      }
      const stream = media && (await navigator.mediaDevices.getUserMedia(media))
      for (const track of stream?.getTracks() ?? []) peer.addTrack(track, stream)
    }
    async function offer(config, media) {
      await open(config, media)
      channel = peer.createDataChannel('chat')
      await peer.setLocalDescription()
      return gathered()
    }
    async function answer(config, media, description) {
      await open(config, media)
      // Checks start when all own candidates are known. Earlier ones could find them as others.
      const lines = /^a=(candidate:.*)\\r\\n|^a=end-of-candidates\\r\\n/gm
      const candidates = [...description.sdp.matchAll(lines)].flatMap(([, candidate]) => candidate ?? [])
      await peer.setRemoteDescription({ type: 'offer', sdp: description.sdp.replace(lines, '') })
      await peer.setLocalDescription()
      const own = await gathered()
      for (const candidate of candidates) await peer.addIceCandidate({ candidate, sdpMLineIndex: 0 })
      return own
    }
    function accept(description) {
      return peer.setRemoteDescription(description)
    }
    async function stats() {
      const report = [...new Map(await peer.getStats()).values()]
      const byId = id => report.find(each => each.id === id)
      const pair = byId(report.find(({ type }) => type === 'transport')?.selectedCandidatePairId)
      const types = [pair?.localCandidateId, pair?.remoteCandidateId].map(id => byId(id)?.candidateType)
      return { state: peer.connectionState, pair, types, report }
    }
  </script>`

/**
 * Opens the page in a browser. It comes from localhost of its host, because a camera needs a secure
 * context. Chromium shows the addresses of a host only to pages that may use one.
 */
export async function openPeer(host, browser) {
  const site = http.createServer((_request, response) =>
    response.setHeader('Content-Type', 'text/html').end(PAGE),
  )
  const port = await host.listen(site)
  const page = await browser.newPage({ permissions: ['camera', 'microphone'] })
  await page.goto(`http://localhost:${port}/`)
  return page
}

/** Calls from one page to the other. `media` is what getUserMedia() takes; undefined: only data. */
export async function call(from, to, config = {}, media = undefined) {
  const offer = await from.evaluate(
    ([config, media]) => window.offer(config, media),
    [config, media],
  )
  const answer = await to.evaluate(
    ([config, media, offer]) => window.answer(config, media, offer),
    [config, media, offer],
  )
  await from.evaluate(answer => window.accept(answer), answer)
}

/** The state of a page's connection, the types of its pair of candidates, and getStats(). */
export const statsOf = page => page.evaluate(() => window.stats())

const NAME = 'user'
const PASSWORD = 'secret'

const ipv4Of = host => host.addresses.find(each => each.includes('.'))

/**
 * Starts coturn on a host, for STUN and TURN. Returns the configuration of its clients. It refuses
 * the addresses of hosts past a NAT, like the private ones of the internet: it has no route to
 * them, and closes a relay that has no route for a packet.
 */
export function startTurn(host, hidden) {
  const address = ipv4Of(host)
  const login = ['--lt-cred-mech', `--user=${NAME}:${PASSWORD}`, '--realm=lab']
  const files = ['--no-cli', '--no-tls', '--no-dtls', '--log-file=stdout', '--pidfile=']
  const denied = hidden.map(each => `--denied-peer-ip=${ipv4Of(each)}`)
  host.spawn('turnserver', ['-n', ...login, ...files, ...denied, '-L', address, '-E', address], {
    stdio: 'ignore',
  })
  const turn = { urls: `turn:${address}`, username: NAME, credential: PASSWORD }
  return { iceServers: [{ urls: `stun:${address}` }, turn] }
}

/** Takes the IPv6 addresses of a host away: past a NAT, they would lead to it directly. */
export async function onlyIPv4(host) {
  for (const { name } of host.interfaces) {
    await host.exec('ip', ['-6', 'address', 'flush', 'dev', name])
  }
}
