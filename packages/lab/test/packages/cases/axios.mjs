import axios from 'axios'
import { multiplyingHttp } from '../servers/listening.mjs'

export const serve = multiplyingHttp
export const answer = '42'
export const ask = async () => String((await axios.get('http://server/6/7')).data)
