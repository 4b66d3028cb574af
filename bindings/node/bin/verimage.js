#!/usr/bin/env node
'use strict';

// The command line is part of the addon: the same program as the `verimage` binary, in this process.
process.exitCode = require('../native.js').runCommandLine(process.argv.slice(2));
