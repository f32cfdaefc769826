PRAGMA application_id = 1112691784;
PRAGMA user_version = 1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES('clean','1');
INSERT INTO meta VALUES('id','0c8a40d8');
INSERT INTO meta VALUES('mark','1464 16901712 1795632455695 00000000-0000-0000-0000-000000000000');
INSERT INTO meta VALUES('program','0.1.0');
CREATE TABLE leases(
    n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, state TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL,
    document TEXT NOT NULL) STRICT;
INSERT INTO leases VALUES(1,X'01a21408de2574eb98c02d5bce9a25ad','active','uid:0','web','{"groups":[{"name":"main","flavor":"small"}],"name":"web","project":"uid:0","created":1795632455205,"starts":1795632455205,"plan":{"sizes":[[1000,1024,0]],"prepare":1795632455205},"revision":2}');
INSERT INTO leases VALUES(2,X'01a21408de4870aca1a604975298031b','scheduled','uid:0','night','{"groups":[{"name":"main","count":2,"flavor":"small"}],"name":"night","kind":"advance","start":"2040-01-01T00:00:00Z","duration_s":28800,"project":"uid:0","created":1795632455240,"starts":2208988800000,"ends":2209017600000,"plan":{"sizes":[[1000,1024,0]],"seats":[["m-0c8a40d8-0cad-8687-b648-f04aa407382e",0,0,"shelf","rack-1"],["m-0c8a40d8-0cad-8687-b648-f04aa407382f",0,1,"shelf","rack-1"]],"prepare":2208988800000},"revision":1}');
INSERT INTO leases VALUES(3,X'01a21408de6672e594b4778ad10bf286','cancelled','uid:0','over','{"groups":[{"name":"main","flavor":"small"}],"name":"over","kind":"best-effort","project":"uid:0","created":1795632455270,"reason":"cancelled by uid:0","starts":1795632455270,"outcome":"cancelled","plan":{"sizes":[[1000,1024,0]],"prepare":1795632455270},"revision":4}');
CREATE TABLE machines(
    n INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, lease BLOB NOT NULL, state TEXT NOT NULL, observed TEXT NOT NULL,
    provider TEXT, document TEXT NOT NULL) STRICT;
INSERT INTO machines VALUES(1,X'0c8a40d80cad8687b6252e3262ae100e',X'01a21408de2574eb98c02d5bce9a25ad','fulfilled','running','shelf','{"group":"main","ordinal":0,"name":"web-0-62ae100e","created":1795632455205,"cpus":1,"memory_mib":1024,"disk_gib":0,"node":"rack-1","native_id":"1","running":1795632455222}');
INSERT INTO machines VALUES(2,X'0c8a40d80cad8687b666d1bca8a4ebe5',X'01a21408de6672e594b4778ad10bf286','deleted','gone','shelf','{"group":"main","ordinal":0,"name":"over-0-a8a4ebe5","created":1795632455270,"cpus":1,"memory_mib":1024,"disk_gib":0,"node":"rack-1","native_id":"2","running":1795632455278}');
CREATE TABLE intents(
    id INTEGER PRIMARY KEY, verb TEXT NOT NULL, state TEXT NOT NULL, machine BLOB NOT NULL, lease BLOB NOT NULL,
    provider TEXT NOT NULL, document TEXT NOT NULL) STRICT;
CREATE TABLE events(
    seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, topic TEXT NOT NULL, subject TEXT NOT NULL, owner TEXT, change TEXT NOT NULL) STRICT;
INSERT INTO events VALUES(1,1795632455205,'machine.m-0c8a40d8-0cad-8687-b625-2e3262ae100e.spawning','m-0c8a40d8-0cad-8687-b625-2e3262ae100e','uid:0','{"state":"spawning","observed":"unknown","lease":"l-01a21408-de25-74eb-98c0-2d5bce9a25ad","group":"main","provider":"shelf","node":"rack-1"}');
INSERT INTO events VALUES(2,1795632455205,'lease.l-01a21408-de25-74eb-98c0-2d5bce9a25ad.preparing','l-01a21408-de25-74eb-98c0-2d5bce9a25ad','uid:0','{"state":"preparing","name":"web"}');
INSERT INTO events VALUES(3,1795632455222,'machine.m-0c8a40d8-0cad-8687-b625-2e3262ae100e.spawning','m-0c8a40d8-0cad-8687-b625-2e3262ae100e','uid:0','{"state":"spawning","observed":"running","lease":"l-01a21408-de25-74eb-98c0-2d5bce9a25ad","group":"main","provider":"shelf","node":"rack-1"}');
INSERT INTO events VALUES(4,1795632455222,'machine.m-0c8a40d8-0cad-8687-b625-2e3262ae100e.fulfilled','m-0c8a40d8-0cad-8687-b625-2e3262ae100e','uid:0','{"state":"fulfilled","observed":"running","lease":"l-01a21408-de25-74eb-98c0-2d5bce9a25ad","group":"main","provider":"shelf","node":"rack-1"}');
INSERT INTO events VALUES(5,1795632455222,'lease.l-01a21408-de25-74eb-98c0-2d5bce9a25ad.active','l-01a21408-de25-74eb-98c0-2d5bce9a25ad','uid:0','{"state":"active","name":"web"}');
INSERT INTO events VALUES(6,1795632455240,'lease.l-01a21408-de48-70ac-a1a6-04975298031b.scheduled','l-01a21408-de48-70ac-a1a6-04975298031b','uid:0','{"state":"scheduled","name":"night"}');
INSERT INTO events VALUES(7,1795632455270,'machine.m-0c8a40d8-0cad-8687-b666-d1bca8a4ebe5.spawning','m-0c8a40d8-0cad-8687-b666-d1bca8a4ebe5','uid:0','{"state":"spawning","observed":"unknown","lease":"l-01a21408-de66-72e5-94b4-778ad10bf286","group":"main","provider":"shelf","node":"rack-1"}');
INSERT INTO events VALUES(8,1795632455270,'lease.l-01a21408-de66-72e5-94b4-778ad10bf286.preparing','l-01a21408-de66-72e5-94b4-778ad10bf286','uid:0','{"state":"preparing","name":"over"}');
INSERT INTO events VALUES(9,1795632455278,'machine.m-0c8a40d8-0cad-8687-b666-d1bca8a4ebe5.spawning','m-0c8a40d8-0cad-8687-b666-d1bca8a4ebe5','uid:0','{"state":"spawning","observed":"running","lease":"l-01a21408-de66-72e5-94b4-778ad10bf286","group":"main","provider":"shelf","node":"rack-1"}');
INSERT INTO events VALUES(10,1795632455278,'machine.m-0c8a40d8-0cad-8687-b666-d1bca8a4ebe5.fulfilled','m-0c8a40d8-0cad-8687-b666-d1bca8a4ebe5','uid:0','{"state":"fulfilled","observed":"running","lease":"l-01a21408-de66-72e5-94b4-778ad10bf286","group":"main","provider":"shelf","node":"rack-1"}');
INSERT INTO events VALUES(11,1795632455278,'lease.l-01a21408-de66-72e5-94b4-778ad10bf286.active','l-01a21408-de66-72e5-94b4-778ad10bf286','uid:0','{"state":"active","name":"over"}');
INSERT INTO events VALUES(12,1795632455632,'machine.m-0c8a40d8-0cad-8687-b666-d1bca8a4ebe5.deleted','m-0c8a40d8-0cad-8687-b666-d1bca8a4ebe5','uid:0','{"state":"deleted","observed":"running","lease":"l-01a21408-de66-72e5-94b4-778ad10bf286","group":"main","provider":"shelf","node":"rack-1"}');
INSERT INTO events VALUES(13,1795632455632,'lease.l-01a21408-de66-72e5-94b4-778ad10bf286.ending','l-01a21408-de66-72e5-94b4-778ad10bf286','uid:0','{"state":"ending","name":"over","reason":"cancelled by uid:0"}');
INSERT INTO events VALUES(14,1795632455635,'machine.m-0c8a40d8-0cad-8687-b666-d1bca8a4ebe5.deleted','m-0c8a40d8-0cad-8687-b666-d1bca8a4ebe5','uid:0','{"state":"deleted","observed":"gone","lease":"l-01a21408-de66-72e5-94b4-778ad10bf286","group":"main","provider":"shelf","node":"rack-1"}');
INSERT INTO events VALUES(15,1795632455635,'lease.l-01a21408-de66-72e5-94b4-778ad10bf286.cancelled','l-01a21408-de66-72e5-94b4-778ad10bf286','uid:0','{"state":"cancelled","name":"over","reason":"cancelled by uid:0"}');
CREATE TABLE answers(
    n INTEGER PRIMARY KEY, account TEXT NOT NULL, key TEXT NOT NULL, verb TEXT NOT NULL, hash INTEGER NOT NULL,
    time INTEGER NOT NULL, answer TEXT NOT NULL, UNIQUE(account, key)) STRICT;
INSERT INTO answers VALUES(1,'uid:0','fixture','lease.create',-1178709920435837985,1795632455205,'{"lease":"l-01a21408-de25-74eb-98c0-2d5bce9a25ad"}');
CREATE TABLE records(
    kind TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY(kind, id)) STRICT, WITHOUT ROWID;
INSERT INTO records VALUES('template','pair','{"groups":[{"name":"main","count":2,"flavor":"small"}],"kind":"advance","duration_s":28800}');
CREATE INDEX leases_by_state ON leases(state);
CREATE INDEX leases_by_owner ON leases(owner, state);
CREATE INDEX machines_by_lease ON machines(lease);
CREATE INDEX machines_by_state ON machines(state);
CREATE INDEX machines_by_provider ON machines(provider);
COMMIT;
