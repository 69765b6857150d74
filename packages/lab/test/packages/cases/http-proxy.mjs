import http from 'node:http'
import httpProxy from 'http-proxy'
import { listening, multiplyingHttp } from '../servers/listening.mjs'

export const serve = async () => {
  const proxy = httpProxy.createProxyServer({ target: 'http://localhost:80' })
  proxy.on('error', (_error, _request, response) => response.destroy())
  const ends = [
    await multiplyingHttp(),
    await listening(
      http.createServer((...args) => proxy.web(...args)),
      8080,
    ),
  ]
  return () => Promise.all(ends.map(end => end()))
}
export const answer = '42'
export const ask = async () => (await fetch('http://server:8080/6/7')).text()
