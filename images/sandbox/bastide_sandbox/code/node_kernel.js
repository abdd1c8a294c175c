'use strict';
// Runs cells of JavaScript in this process, one after the other; variables stay. Cells come over file descriptor 3,
// a JSON object a line, and their outcomes go back on it. (files: this process is started by zygote.py.)
const { createRequire } = require('node:module');
const { inspect } = require('node:util');
const net = require('node:net');
const path = require('node:path');
const vm = require('node:vm');

const RESULT_CHARACTERS = 65536;
const control = new net.Socket({ fd: 3, readable: true, writable: true });
let cells = 0;
let waiting = Promise.resolve();
let rest = '';

globalThis.require = createRequire(path.join(process.cwd(), 'cell.js'));
process.on('uncaughtException', (error) => process.stderr.write(`${inspect(error)}\n`));

function cut(text) {
  return text.length <= RESULT_CHARACTERS ? text : `${text.slice(0, RESULT_CHARACTERS)}... (cut)`;
}

function told(error) {
  if (!(error instanceof Error)) {
    return { code: 'raised', name: 'thrown', message: cut(inspect(error)), traceback: '' };
  }
  const stack = String(error.stack).split('\n').filter((line) => !/node:|node_kernel\.js/.test(line));
  return { code: 'raised', name: String(error.name), message: cut(String(error.message)), traceback: cut(stack.join('\n')) };
}

async function run(code) {
  cells += 1;
  try {
    const value = await new vm.Script(code, { filename: `<cell ${cells}>` }).runInThisContext();
    return { result: value === undefined ? null : cut(inspect(value)), error: null };
  } catch (error) {
    return { result: null, error: told(error) };
  }
}

control.setEncoding('utf8');
control.on('data', (text) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop();
  for (const line of lines) {
    const asked = JSON.parse(line);
    waiting = waiting.then(() => run(asked.code))
      .then((outcome) => control.write(`${JSON.stringify({ ...outcome, cell: asked.cell })}\n`));
  }
});
control.on('end', () => process.exit(0));
