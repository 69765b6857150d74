// A worker of a namespace: requests what its workerData says, and posts what it got.
import { createSocket } from 'node:dgram'
import http from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'

const { url, udp } = workerData
if (url !== undefined) {
  http.get(url, response => {
    let body = ''
    response.setEncoding('utf8').on('data', chunk => {
      body += chunk
    })
    response.on('end', () => parentPort.postMessage(body))
  })
} else {
  const socket = createSocket('udp4')
  socket.on('message', message => {
    parentPort.postMessage(String(message))
    socket.close()
  })
  socket.send('from the worker', udp.port, udp.host)
}
