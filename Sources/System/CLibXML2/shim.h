/* Debian keeps libxml2's headers one folder down, and their own includes expect that folder on the path: see Package.swift. */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlwriter.h>
#include <libxml/xpath.h>
