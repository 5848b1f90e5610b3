"""oha, a load generator of others whose open loop counts from when a request was due."""

import os
import shutil
import subprocess

from harness import Failure
from peer import PEERS_DIR, run_tool

VERSION = "1.16.0"
FOLDER = os.path.join(PEERS_DIR, "oha")
PROGRAM = os.path.join(FOLDER, "bin", "oha")


def is_built():
    try:
        done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.split() == ["oha", VERSION]


def tool_oha():
    """Its path. It is built where it is not there in this version, which takes minutes; a Failure
    says why it cannot be had."""
    if not is_built():
        print(f"building oha {VERSION} into build/peers/oha", flush=True)
        objects = os.path.join(FOLDER, "target")
        os.makedirs(FOLDER, exist_ok=True)
        try:
            # With TLS, of which there is none here: without, it does not compile.
            run_tool("cargo", "install", "--quiet", "--locked", "--force", "--root", FOLDER,
                     "--target-dir", objects, f"oha@{VERSION}", cwd=FOLDER)
        except FileNotFoundError as error:
            raise Failure("there is no oha, and no cargo to build it with") from error
        shutil.rmtree(objects)
    return PROGRAM
