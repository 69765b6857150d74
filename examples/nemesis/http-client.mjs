// Sends requests until three have replies, each once, over one kept connection.
import http from 'node:http'

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })

function post(body) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: 'server', method: 'POST', agent, timeout: 400 },
      async response => {
        try {
          let text = ''
          for await (const chunk of response) {
            text += chunk
          }
          resolve(text)
        } catch (error) {
          reject(error)
        }
      },
    )
    request.on('timeout', () => request.destroy(new Error('timeout')))
    request.on('error', reject)
    request.end(body)
  })
}

for (let n = 1, answered = 0; answered < 3; n++) {
  const reply = await post(String(n)).catch(() => undefined)
  if (reply === undefined) continue
  if (reply !== String(n)) throw new Error(`request ${n} has the reply ${reply}`)
  console.log(n)
  answered++
}
const sockets = Object.values({ ...agent.sockets, ...agent.freeSockets }).flat()
if (sockets.length > 1) throw new Error(`${sockets.length} connections are open`)
agent.destroy()
