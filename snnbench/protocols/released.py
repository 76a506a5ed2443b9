"""Fingerprints of every protocol version that was released: a document of that name and version is this one."""

from __future__ import annotations

RELEASED = {
    "cifar10-sew8-v1": "65b19dece9e4b643f22c00db842b66ff6eae018ce0638a7dd19bb961a802bca1",
    "cifar10-sew8-v2": "8a391ea3d5a778d5ff2ed0578017a4aab5630518cf93b83eeae6bd555e0ff75b",
    "cifar10-sew8-v3": "87c8871effcf3da285d7c828456d3648dddae93e9f73a8360c34b8b51246d549",
    "cifar10-sew8-v4": "4d51e4ed7af760fd1afdf6866cbcea3aaae6102ee8c583db23d061f3effe9a97",
    "cifar10-sew8-v5": "bbd84144800e1e4796d587ead73ec6b7662ca515e12c23ad9036ba8b06a886ef",
    "cifar10-sew8-hard-v1": "47f1d76d0d1b9aae387d4a4b2639bddf1b066aa20503abea8fbb8d39ad96941b",
    "cifar10-sew8-whole-v1": "13431b8cf22b2bdad8a1117fdb77c4d55a07430205a41e3194f55703763f9cbf",
    "cifar10-sew18-v2": "222e00bd122ccc5d4262237d74954fe8a1fd9ca9fb3410680ec369f7845bc138",
    "cifar10-sew8-brief-v1": "4e51ce50dbb86735c12ab2472e37d3047ee17e66ea40ee5f7b19a3ad2aaba31a",
    "cifar10-sew8-brief-v2": "63dbc9fb667c460e2ace379b19ffbce63d23ae512dc52091ed5c0ec7a31265d6",
    "cifar10-sew8-brief-emd-v1": "4e75c6a97bda21c1f75af65ee1d99ce1f234578e28b26025eec355e8984321f6",
    "cifar10-vgg9-v1": "9dbce97dcbf961d05bae446234c09a4c9efc6310817b547aeb7f18b30def1f57",
    "cifar10-vgg9-v2": "bc9ef685501e8dbd76abe23cecafc97e02d669e1bc4809524713642ac1fd6a67",
    "cifar100-sew8-v1": "40cb4bba6d539195a9d8d603ca027f0ff5aa4e1243d9dda9060265611ca78edc",
    "cifar100-sew8-v2": "3c7838ee1d0e8b685d8833c8f7380e24a339cfa578cff42486364f04945e1c38",
    "cifar100-sew8-v3": "7caebf5cd188565a5e53663f2fd9df004060591c57f508882a0bcfe4bdd71bb6",
    "cifar10c-vgg9-v1": "960d64c9f67461cb1d2f547ad280ab20df3b4261c1cad5ef42ef9f60fce8bbd5",
    "cifar100-sew8-v4": "febb408f99e4932bb756c9ecb30bb24457d4150c953c3b74fb4e1162d5d190f8",
    "cifar100-sew8-v5": "88cbf46030404a30421ac8733c5b3fce70ee5269cd34ff9f4d3fc24cfa61b1ba",
    "cifar100-sew8-whole-v1": "f3f5233cb46616e60731161576a12b2f854dc32a7c473ee86621607be7cfa2ec",
    "cifar100-sew8-hard-v1": "d5bbcba237d63f2fe5aaf34cfe4aea957c8246fb164b3d8cdc28e4f42a91014a",
    "cifar100-sew18-v2": "09e47d7fb905c53ac90083e4f8de364285a234cd2aa17e15a37b88cee425018e",
    "digits-sew8-v1": "bd5bbe87ef18339de47080cc5869018923663b305c7f621c972b726161e39021",
}
"""By ``<name>-v<version>``; a version that ships is added when its board is opened."""
