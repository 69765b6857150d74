// Writes the body of each request to a file, and replies with it.
import { appendFileSync } from 'node:fs'
import http from 'node:http'

const server = http.createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) {
    body += chunk
  }
  appendFileSync(`${process.env.VNET_DISK}/executed`, `${body}\n`)
  response.end(body)
})
server.listen(80, () => console.log('listening'))
