// Replies to each request.
import http from 'node:http'

http.createServer((_, response) => response.end('reply')).listen(80, () => console.log('ready'))
