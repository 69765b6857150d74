import { WebSocket } from 'partysocket'
import { askBy, multiplyingWs } from '../servers/multiplying-ws.mjs'

export const serve = multiplyingWs
export const answer = '42'
export const ask = () => askBy(WebSocket)
