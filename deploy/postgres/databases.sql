-- Run once, when PostgreSQL starts with an empty folder. The service's own database is there already (POSTGRES_DB).
-- Rasa's conversations, which have a table of the same name as one of the service's:
CREATE DATABASE dragoman_bot;
-- The demo shop (DRAGOMAN_COMMERCE=demo):
CREATE DATABASE dragoman_shop;
