'use strict';

// The addon: built beside this file, or the package for this machine.

const { existsSync } = require('node:fs');
const { join } = require('node:path');

const machine = [process.platform, process.arch, ...libc()].join('-');
const beside = join(__dirname, `verimage.${machine}.node`);

module.exports = existsSync(beside) ? require(beside) : published();

/** Which C library of Linux: Node says so in its report. */
function libc() {
  if (process.platform !== 'linux') return [];
  process.report.excludeNetwork = true;
  return [process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'];
}

function published() {
  try {
    return require(`verimage-${machine}`);
  } catch (error) {
    throw new Error(`verimage has no addon for ${machine}, or npm left out its optional dependency verimage-${machine}`, { cause: error });
  }
}
