// The server of the stand-in for the Internet. Its DNS on port 53 has 192.0.2.80 for every name
// but those like unknown.test.
// HTTP on port 80 answers with the address of the client; /bytes/N has N bytes.
// With a directory as argument, it also serves HTTPS, by key.pem and cert.pem there, and on both
// ports the files of www, /git/ with repositories of git, for git-http-backend, and /box/KEY:
// a GET waits for the text that a PUT brings.
import { spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { createReadStream, readFileSync, statSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { join } from 'node:path'

const ADDRESS = [192, 0, 2, 80]
const site = process.argv[2]

/** Texts by their key, and who waits for them. */
const boxes = new Map()

function box(key) {
  if (!boxes.has(key)) {
    const made = {}
    made.text = new Promise(resolve => {
      made.fill = resolve
    })
    boxes.set(key, made)
  }
  return boxes.get(key)
}

async function useBox(key, request, response) {
  if (request.method !== 'PUT') return response.end(await box(key).text)
  box(key).fill(Buffer.concat(await request.toArray()))
  response.end()
}

/** Runs git-http-backend, a CGI program: its answer is headers, an empty line, and the body. */
function serveGit(url, request, response) {
  const env = {
    ...process.env,
    GIT_PROJECT_ROOT: join(site, 'git'),
    GIT_HTTP_EXPORT_ALL: '1',
    GIT_CONFIG_COUNT: '2',
    GIT_CONFIG_KEY_0: 'safe.directory',
    GIT_CONFIG_VALUE_0: '*',
    GIT_CONFIG_KEY_1: 'http.receivepack',
    GIT_CONFIG_VALUE_1: 'true',
    PATH_INFO: url.pathname.slice('/git'.length),
    QUERY_STRING: url.search.slice(1),
    REQUEST_METHOD: request.method,
    CONTENT_TYPE: request.headers['content-type'] ?? '',
    HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
    GIT_PROTOCOL: request.headers['git-protocol'] ?? '',
  }
  const child = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  request.pipe(child.stdin)
  const parts = []
  child.stdout.on('data', part => parts.push(part))
  child.on('close', () => {
    const all = Buffer.concat(parts)
    const end = all.indexOf('\r\n\r\n')
    for (const line of all.toString('latin1', 0, end).split('\r\n')) {
      const [name, value] = line.split(': ')
      if (name === 'Status') {
        response.statusCode = Number.parseInt(value, 10)
      } else {
        response.setHeader(name, value)
      }
    }
    response.end(all.subarray(end + 4))
  })
}

const TYPES = {
  html: 'text/html',
  json: 'application/json',
  m3u8: 'application/vnd.apple.mpegurl',
  ts: 'video/mp2t',
}

function serveFile(path, response) {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat?.isDirectory()) return serveFile(join(path, 'index.html'), response)
  if (stat === undefined) return response.writeHead(404).end('not found\n')
  const type = TYPES[path.split('.').at(-1)] ?? 'application/octet-stream'
  response.writeHead(200, { 'content-type': type, 'content-length': stat.size })
  createReadStream(path).pipe(response)
}

function answer(request, response) {
  const [, length] = /^\/bytes\/(\d+)$/.exec(request.url) ?? []
  if (length !== undefined) return response.end(Buffer.alloc(Number(length)))
  const url = new URL(request.url, 'http://example.test')
  if (site === undefined || url.pathname === '/') {
    return response.end(`${request.socket.remoteAddress}\n`)
  }
  const [, key] = /^\/box\/(\w+)$/.exec(url.pathname) ?? []
  if (key !== undefined) return useBox(key, request, response)
  if (url.pathname.startsWith('/git/')) return serveGit(url, request, response)
  serveFile(join(site, 'www', decodeURIComponent(url.pathname)), response)
}

function resolve(query) {
  // The header, and the question: a name, a type and a class.
  const end = query.indexOf(0, 12) + 5
  const isA = query.readUInt16BE(end - 4) === 1
  const isKnown = query.toString('latin1', 13, 20) !== 'unknown'
  const answers =
    isA && isKnown ? [Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...ADDRESS])] : []
  const flags = [0x81, isKnown ? 0x80 : 0x83]
  const header = Buffer.from([
    ...query.subarray(0, 2),
    ...flags,
    0,
    1,
    0,
    answers.length,
    0,
    0,
    0,
    0,
  ])
  return Buffer.concat([header, query.subarray(12, end), ...answers])
}

const dns = dgram.createSocket('udp6')
dns.on('message', (query, { port, address }) => dns.send(resolve(query), port, address))

/** One query a connection, in one segment, which starts with its length. */
const dnsByTcp = net.createServer(socket =>
  socket.once('data', query => {
    const answer = resolve(query.subarray(2))
    socket.end(Buffer.concat([Buffer.from([0, answer.length]), answer]))
  }),
)

const listening = (server, port) => new Promise(resolve => server.listen(port, '::', resolve))
await Promise.all([listening(http.createServer(answer), 80), listening(dnsByTcp, 53)])
if (site !== undefined) {
  const [key, cert] = ['key.pem', 'cert.pem'].map(name => readFileSync(join(site, name)))
  await listening(https.createServer({ key, cert }, answer), 443)
}
dns.bind(53, () => console.log('ready'))
