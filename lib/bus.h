#pragma once

/* The contract of jaild and jailctl: names on the D-Bus connection over the control socket, and where it is. */

#define JAIL_BUS_PATH      "/org/jaild/jail"
/* On the system bus: the name, and below the path an object for each jail, its name encoded by sd_bus_path_encode(3). */
#define JAIL_BUS_NAME      "org.jaild"
#define JAIL_BUS_INTERFACE "org.jaild.Jail1"

/* Methods, without results; they return when the request is settled. */
#define JAIL_BUS_START   "Start"
#define JAIL_BUS_STOP    "Stop"
#define JAIL_BUS_RESTART "Restart"
#define JAIL_BUS_RELOAD  "Reload"
/* Takes the number of a generation (u): what Restart does, with an instance of that one, whether or not it is current. Of a
 * jail that does not run it asks nothing (NotRunning). */
#define JAIL_BUS_REPLACE "Replace"
/* Takes the id of a process (u): what Start does of a stopped jail, with the sockets that this process listens on, of those
 * that the jail's configuration names. It goes on to have them. For root only. */
#define JAIL_BUS_TAKE_OVER "TakeOver"
/* Takes a boolean: whether root's servers may from now on listen on the jail's addresses beside it (SO_REUSEPORT). This asks
 * nothing of the jail. For root only. */
#define JAIL_BUS_SHARE "Share"

/* Of a supervisor that is not systemd's: it becomes the program that is installed now, and goes on. Where that is done there is no
 * answer: the connection ends. */
#define JAIL_BUS_REEXECUTE "Reexecute"

/* Errors; the message is for the person. */
#define JAIL_BUS_ERROR_FAILED      "org.jaild.Error.Failed"
#define JAIL_BUS_ERROR_NOT_RUNNING "org.jaild.Error.NotRunning"
#define JAIL_BUS_ERROR_BUSY        "org.jaild.Error.Busy"

/* Signal, with the new and the old state as strings. On the system bus it comes from the jail's object there. */
#define JAIL_BUS_STATE_CHANGED "StateChanged"

/* File names in /run/jaild/NAME: the control socket; the lock that a living supervisor holds (fcntl, so that it is nobody else's); and what
 * the last supervisor left to say (JSON: state, since, last-failure, …), complete or absent. */
#define JAIL_RUN_CONTROL "control"
#define JAIL_RUN_LOCK    "lock"
#define JAIL_RUN_LAST    "last.json"
