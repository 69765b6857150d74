// HTTP/1.1: one page with each kind of end, ranges of it, and redirects.
import http from 'node:http'
import zlib from 'node:zlib'
import { main } from './shared.mjs'

/** 19,500 bytes, in lines with their numbers. */
const lines = Array.from({ length: 1950 }, (_, i) => `line ${String(i + 1).padStart(4, '0')}\n`)
export const page = lines.join('')

/** Sends the page, or the range of the request, such as `bytes=100-` or `bytes=0-99`. */
function sendRange(reply, { headers }) {
  const [, from, to = page.length - 1] = /^bytes=(\d+)-(\d+)?$/.exec(headers.range) ?? []
  reply.setHeader('accept-ranges', 'bytes').setHeader('etag', '"page"')
  if (from === undefined) return reply.end(page)
  const part = page.slice(Number(from), Number(to) + 1)
  const range = part === '' ? '*' : `${from}-${Number(from) + part.length - 1}`
  reply.statusCode = part === '' ? 416 : 206
  reply.setHeader('content-range', `bytes ${range}/${page.length}`).end(part)
}

/** Sends the page in four chunks, one after the other, or Node since 24 joins them into one. */
async function sendChunks(reply) {
  for (let at = 0; at < page.length; at += 5000) {
    await new Promise(sent => reply.write(page.slice(at, at + 5000), sent))
  }
  reply.end()
}

/** Sends the page, which ends with the connection. */
function sendAndClose(reply) {
  reply.setHeader('connection', 'close')
  reply.removeHeader('content-length')
  reply.removeHeader('transfer-encoding')
  reply.end(page)
}

const redirect = location => reply => reply.writeHead(302, { location, 'content-length': 0 }).end()

const replies = {
  '/': reply => reply.end('hello\n'),
  '/length': sendRange,
  '/chunked': sendChunks,
  '/gzip': reply => reply.setHeader('content-encoding', 'gzip').end(zlib.gzipSync(page)),
  '/close': sendAndClose,
  '/redirect': redirect('/'),
  '/moved': redirect('/length'),
  '/loop': redirect('/loop'),
}
const notFound = reply => reply.writeHead(404, { 'content-length': 0 }).end()

function talk(request, reply) {
  reply.sendDate = false
  // A proxy gets the whole URL.
  const [path] = request.url.replace(/^http:\/\/[^/]+/, '').split('?')
  const send = replies[path] ?? notFound
  send(reply, request)
}

export const serve = (port = 8080) => http.createServer(talk).listen(port)
main(import.meta, serve)
